"""A connection of an address that has too many: it is told so, and closed."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure

from jmapd.web.bounds import Bounds
from jmapd.web.problem import refusal
from jmapd.web.wire import whole_response

RETRY_AFTER = b"60"
"""Seconds."""

_END = b"\r\n\r\n"

_HTTP2_GOODBYE = b"\0\0\0\4\0\0\0\0\0" + b"\0\0\x08\7\0\0\0\0\0" + b"\0\0\0\0" + b"\0\0\0\x0b"
"""Empty SETTINGS, and GOAWAY with ENHANCE_YOUR_CALM (RFC 9113 sections 6.5, 6.8 and 7)."""


class TurnedAway(Protocol, TimeoutMixin):
    """Waits for a request, so that the client has sent what it had to and reads, and answers 429 (RFC 6585 section 4).

    :param clock: an IReactorTime.
    """

    transport: Any

    def __init__(self, clock: Any, bounds: Bounds) -> None:
        self._clock = clock
        self._bounds = bounds
        self._tail = b""
        self._size = 0

    def callLater(self, period: float, function: Any) -> Any:
        """What the time is measured with."""
        return self._clock.callLater(period, function)

    def connectionMade(self) -> None:
        """It has not for ever."""
        self.setTimeout(self._bounds.handshake_timeout + self._bounds.header_timeout)

    def dataReceived(self, data: bytes) -> None:
        """Wait for the end of the header; nothing of it matters."""
        if self._size < 0:
            return
        if getattr(self.transport, "negotiatedProtocol", None) == b"h2":
            self._say(_HTTP2_GOODBYE)
            return
        self._size += len(data)
        ended = _END in self._tail + data
        self._tail = (self._tail + data)[1 - len(_END) :]
        if ended or self._size > self._bounds.max_request_line + self._bounds.max_header_size:
            error = refusal(429, "Too many connections come from your address.", {b"Retry-After": RETRY_AFTER})
            self._say(whole_response(error))

    def _say(self, data: bytes) -> None:
        self._size = -1
        self.transport.write(data)
        self.transport.loseConnection()

    def timeoutConnection(self) -> None:
        """It did not ask, or does not let the connection end."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone."""
        self.setTimeout(None)
