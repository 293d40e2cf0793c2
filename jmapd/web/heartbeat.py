"""The heartbeat: pings to all connections, and an end to those that are silent for too long."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from jmapd.web.messages import CLOSE_TIMEOUT, GOING_AWAY, POLICY_VIOLATION, MessageProtocol

LOOKS = 60
"""Into how many looks a round over all connections is split."""

MAX_ROUND = 60.0
"""Seconds for a round where nobody is pinged: connections that do not end by themselves must be found too."""

VISITS = 4
"""Rounds in the time of a heartbeat."""

MIN_TICK = 0.05
MAX_TICK = 1.0

_log = Logger()


class HeartbeatService(Service):
    """Looks at every connection once in a round, a few at a time, driven by one LoopingCall.

    :param clock: an IReactorTime.
    :param connections: all that there are at any time.
    :param heartbeat: seconds between two pings to a connection, at most; 0: none.
    :param timeout: seconds without anything from the peer after which it is closed; 0: never.
    :param stall: seconds that a client has to read what waits for it; it is not listened to meanwhile.
    """

    def __init__(
        self,
        clock: Any,
        connections: Collection[MessageProtocol],
        heartbeat: float,
        timeout: float,
        stall: float = 300.0,
    ) -> None:
        self._clock = clock
        self._connections = connections
        self._waiting: deque[MessageProtocol] = deque()
        self._share = 1
        self._call = LoopingCall(self._look)
        self._call.clock = clock
        self.set(heartbeat, timeout, stall)

    def set(self, heartbeat: float, timeout: float, stall: float) -> None:
        """Have other times be in force, for connections that are there too."""
        self._heartbeat = heartbeat
        self._timeout = timeout
        self._stall = stall
        # visited often, so that a ping can wait for nearly all of its time; a visit costs far less than a ping
        self._round = min([one for one in (heartbeat, timeout / 10, stall / 10) if one] or [MAX_ROUND]) / VISITS
        # at the next visit it would be too late, as that may be late by half a round
        self._due = heartbeat - 1.5 * self._round
        self._tick = min(max(self._round / LOOKS, MIN_TICK), MAX_TICK)
        # a round that is under way was shared out among other looks
        self._waiting.clear()
        if self._call.running:
            self._call.stop()
            self._call.start(self._tick, now=False)

    def startService(self) -> None:
        """Begin to look."""
        super().startService()
        self._call.start(self._tick, now=False)

    def stopService(self) -> Deferred[None]:
        """Look no more."""
        super().stopService()
        if self._call.running:
            self._call.stop()
        return succeed(None)

    def _look(self) -> None:
        if not self._waiting:
            self._waiting.extend(self._connections)
            looks = max(1, int(self._round / self._tick))
            self._share = -(-len(self._waiting) // looks)
        now = self._clock.seconds()
        for _ in range(min(self._share, len(self._waiting))):
            connection = self._waiting.popleft()
            if connection not in self._connections:
                continue
            try:
                self._see_to(connection, now)
            except Exception:
                # one that fails must not take the heartbeat from all others
                _log.failure("the heartbeat of a connection failed")

    def _see_to(self, connection: MessageProtocol, now: float) -> None:
        if not connection.can_send:
            if now - connection.heard >= CLOSE_TIMEOUT:
                connection.abort()
        elif connection.held:
            if now - connection.heard >= self._stall:
                connection.factory.hit("web-sockets.stall-timeout")
                connection.close(POLICY_VIOLATION, "you do not read what you asked for")
        elif self._timeout and now - connection.heard >= self._timeout:
            connection.close(GOING_AWAY, "nothing has been heard from you")
        elif self._heartbeat and now - connection.pinged >= self._due:
            connection.pinged = now
            connection.sendPing()
