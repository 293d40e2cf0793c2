"""One line where Twisted has three for each connection that it closes because no file descriptor is left for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.logger import ILogObserver, LogEvent, LogLevel
from zope.interface import implementer

EVERY = 60.0
"""Seconds between two lines."""

_PORT = "twisted.internet.tcp.Port"
_CLOSED = "EMFILE recovery: Closed socket"


@implementer(ILogObserver)
class Descriptors:
    """Passes events on, but of these only a summary.

    :param observer: to whom.
    :param now: tells the time, in seconds.
    """

    def __init__(self, observer: Callable[[LogEvent], None], now: Callable[[], float] = time.monotonic) -> None:
        self._observer = observer
        self._now = now
        self._closed = 0
        self._said = float("-inf")

    def __call__(self, event: LogEvent) -> None:
        """Pass an event on, or count it."""
        text = event.get("log_format") or ""
        if event.get("log_namespace") != _PORT or "EMFILE" not in text or "log_failure" in event:
            self._observer(event)
        elif text.startswith(_CLOSED):
            self._closed += 1
            if self._now() - self._said >= EVERY:
                self._said = self._now()
                self._observer(self._summary(event))
                self._closed = 0

    def _summary(self, event: LogEvent) -> LogEvent:
        return {
            **event,
            "log_level": LogLevel.warn,
            "log_format": "no file descriptor is left (LimitNOFILE): new connections are closed, {closed} by now",
            "closed": self._closed,
        }
