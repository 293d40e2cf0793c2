"""The observing door: /metrics, /healthz and /readyz over plain HTTP, for monitoring alone.

Nobody is asked who they are here, so nothing here is anybody's: numbers, names of settings, a word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from twisted.internet.interfaces import IAddress
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from jmapd.observe.metrics import Metrics

MAX_CONNECTIONS = 20
"""Open at once."""

TIMEOUT = 30.0
"""Seconds for which a connection may be idle."""

FRESH = 1.0
"""Seconds for which an exposition is given again, so that asking often costs nothing."""


class _Numbers(Resource):
    """The metrics."""

    isLeaf = True

    def __init__(self, metrics: Metrics, now: Callable[[], float]) -> None:
        super().__init__()
        self._metrics = metrics
        self._now = now
        self._made = float("-inf")
        self._text = b""

    def render_GET(self, request: Request) -> bytes:
        """Tell all numbers; HEAD comes here too."""
        if self._now() - self._made >= FRESH:
            self._text = self._metrics.exposition()
            self._made = self._now()
        request.setHeader(b"Content-Type", CONTENT_TYPE_LATEST.encode())
        return self._text


class _Word(Resource):
    """One word: whether something holds.

    :param problem: says what keeps it from holding; "" where nothing does.
    """

    isLeaf = True

    def __init__(self, problem: Callable[[], str]) -> None:
        super().__init__()
        self._problem = problem

    def render_GET(self, request: Request) -> bytes:
        """Answer 200, or 503 with the reason; HEAD comes here too."""
        problem = self._problem()
        request.setResponseCode(503 if problem else 200)
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        request.setHeader(b"Cache-Control", b"no-store")
        return f"{problem or 'ok'}\n".encode()


class _Request(Request):
    """A request without a body."""

    def gotLength(self, length: int | None) -> None:
        """End the connection of a request with a body, which would be kept somewhere."""
        if length != 0:
            self.loseConnection()
        super().gotLength(0)


class _Site(Site):
    noisy = False

    def log(self, request: http.Request) -> None:
        """Monitoring is not logged."""


class Pages(WrappingFactory[ProtocolWrapper]):
    """The factory of the observing door's connections, of which there are never many.

    :param clock: an IReactorTime.
    :param not_ready: says why the server cannot be used now; "" where it can.
    """

    noisy = False

    def __init__(self, clock: Any, metrics: Metrics, not_ready: Callable[[], str]) -> None:
        root = Resource()
        root.putChild(b"metrics", _Numbers(metrics, clock.seconds))
        root.putChild(b"healthz", _Word(lambda: ""))
        root.putChild(b"readyz", _Word(not_ready))
        super().__init__(_Site(root, requestFactory=_Request, timeout=TIMEOUT, reactor=clock))

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """One connection more, unless there are too many."""
        return None if len(self.protocols) >= MAX_CONNECTIONS else super().buildProtocol(addr)
