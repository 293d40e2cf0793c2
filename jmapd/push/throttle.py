"""The least time between two pushes to one client: what changes meanwhile is gathered into one."""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from jmapd.push.hub import Hub, Subscription

MIN_TICK = 0.01
MAX_TICK = 0.25

_log = Logger()


class ThrottleService(Service):
    """Sends what is due when it may be sent.

    The first change after a quiet time is sent at once. All wait equally long, so those who wait are in the order in
    which their time is over, and one LoopingCall, which runs only while somebody waits, looks at the first of them.

    :param clock: an IReactorTime.
    :param throttle: seconds; 0 gathers nothing.
    """

    def __init__(self, clock: Any, hub: Hub, throttle: float) -> None:
        self._clock = clock
        self._hub = hub
        self.throttle = throttle
        self._waiting: deque[Subscription] = deque()
        self._tick = LoopingCall(self._send_due)
        self._tick.clock = clock

    def set(self, throttle: float) -> None:
        """Have another time be the least, for those who wait already too."""
        self.throttle = throttle
        if self._tick.running:
            self._tick.stop()
            self._start()

    def due(self, subscription: Subscription) -> None:
        """Send to a subscription now, or as soon as its time is over."""
        if subscription.queued:
            self._hub.metrics.push_gathered()
            return
        if self._clock.seconds() - subscription.last_push >= self.throttle:
            self._hub.send(subscription)
            return
        subscription.queued = True
        self._insert(subscription)
        if not self._tick.running:
            self._start()

    def _start(self) -> None:
        self._tick.start(min(max(self.throttle / 20, MIN_TICK), MAX_TICK), now=False)

    def stopService(self) -> Deferred[None]:
        """Send nothing more."""
        super().stopService()
        if self._tick.running:
            self._tick.stop()
        return succeed(None)

    def _insert(self, subscription: Subscription) -> None:
        """Behind all whose time is over before; nearly always that is the end."""
        at = len(self._waiting)
        while at and self._waiting[at - 1].last_push > subscription.last_push:
            at -= 1
        self._waiting.insert(at, subscription)

    def _send_due(self) -> None:
        now = self._clock.seconds()
        while self._waiting and now - self._waiting[0].last_push >= self.throttle:
            subscription = self._waiting.popleft()
            subscription.queued = False
            try:
                self._hub.send(subscription)
            except Exception:
                # one that fails must not take the pushes from all others
                _log.failure("a push failed")
        if not self._waiting:
            self._tick.stop()
