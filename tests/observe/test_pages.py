"""The observing door on a real port."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import Clock

from jmapd.observe.metrics import Metrics
from jmapd.observe.pages import FRESH, MAX_CONNECTIONS, Pages
from jmapd.observe.readiness import Readiness
from tests.inreactor import run
from tests.web.front import turn
from tests.web.peer import Peer

Connect = Callable[[], Coroutine[Any, Any, Peer]]


def with_pages(test: Callable[[Connect, Metrics, Readiness, Clock], Coroutine[Any, Any, None]]) -> None:
    """Run a test against the pages."""

    async def whole() -> None:
        metrics, clock, works = Metrics(), Clock(), [True]
        readiness = Readiness(lambda: works[0])
        pages = Pages(clock, metrics, readiness)
        listening: Any = reactor
        port = listening.listenTCP(0, pages, interface="127.0.0.1")
        peers: list[Peer] = []

        async def connect() -> Peer:
            peers.append(await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), Peer()))
            return peers[-1]

        try:
            await test(connect, metrics, readiness, clock)
        finally:
            for peer in peers:
                peer.transport.abortConnection()  # type: ignore[union-attr]  # it was connected
            while pages.protocols:
                await turn()
            await maybeDeferred(port.stopListening)

    run(whole())


def test_readiness_says_what_is_missing() -> None:
    works = [False]
    readiness = Readiness(lambda: works[0])
    assert readiness() == "not every listener listens yet"
    readiness.listening = True
    assert readiness() == "the workers are not ready"
    works[0] = True
    assert readiness() == ""
    readiness.stopping = True
    assert readiness() == "the server is stopping"


def test_health_and_readiness() -> None:
    async def test(connect: Connect, metrics: Metrics, readiness: Readiness, clock: Clock) -> None:
        peer = await connect()
        healthy, unready = [await peer.request("GET", path, auth=False) for path in ("/healthz", "/readyz")]
        assert (healthy.status, healthy.body) == (200, b"ok\n")
        assert (unready.status, unready.body) == (503, b"not every listener listens yet\n")
        readiness.listening = True
        assert (await peer.request("GET", "/readyz", auth=False)).status == 200
        readiness.stopping = True
        assert (await peer.request("HEAD", "/readyz", auth=False)).status == 503
        assert (await peer.request("GET", "/", auth=False)).status == 404
        assert (await peer.request("GET", "/jmap/session")).status == 404

    with_pages(test)


def test_the_metrics_are_made_at_most_once_a_second() -> None:
    async def test(connect: Connect, metrics: Metrics, readiness: Readiness, clock: Clock) -> None:
        peer = await connect()

        async def hits() -> float:
            answer = await peer.request("GET", "/metrics", auth=False)
            assert answer.headers["content-type"].startswith("text/plain; version=")
            families = {one.name: one for one in text_string_to_metric_families(answer.body.decode())}
            return sum(
                sample.value for sample in families["jmapd_bounds_hit"].samples if sample.name.endswith("_total")
            )

        metrics.hit("x")
        assert await hits() == 1
        metrics.hit("x")
        assert await hits() == 1
        clock.advance(FRESH)
        assert await hits() == 2

    with_pages(test)


def test_a_body_is_not_taken() -> None:
    async def test(connect: Connect, metrics: Metrics, readiness: Readiness, clock: Clock) -> None:
        peer = await connect()
        assert (await peer.request("POST", "/healthz", auth=False)).status == 405
        peer.send(b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        await peer.closed()
        assert not peer.received

    with_pages(test)


def test_there_are_never_many_connections() -> None:
    async def test(connect: Connect, metrics: Metrics, readiness: Readiness, clock: Clock) -> None:
        peers = [await connect() for _ in range(MAX_CONNECTIONS)]
        assert (await peers[-1].request("GET", "/healthz", auth=False)).status == 200
        one_more = await connect()
        await one_more.closed()

    with_pages(test)
