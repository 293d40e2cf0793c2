"""Echoes pipelined over few WebSockets: how many a second of the server's CPU time is good for."""

from __future__ import annotations

import asyncio
import statistics
import time

import attrs

from bench.carriage import Route, WebSocket, open_sockets
from bench.client import Server, request
from bench.usage import cpu

WARM_UP = 0.5
"""Seconds that do not count."""

TEXT = request("a", [("Core/echo", {"text": "x" * 200})])


@attrs.frozen
class Rate:
    """Messages a second.

    :param wall: on the clock.
    :param front: of the server's own process.
    :param all: of it and those that it has started.
    :param client: the share of a core that the generator took.
    """

    wall: float
    front: float
    all: float
    client: float


async def pipelined(route: Route, pid: int, sockets: int, in_flight: int, seconds: float, *, http2: bool) -> Rate:
    """Keep so many messages in flight on each of so many WebSockets."""
    opened = await open_sockets(route, sockets, http2=http2)
    counted = [0]
    going = True

    def pipeline(socket: WebSocket) -> None:
        # the same octets each time: what the generator itself does is not what is measured
        framed = socket.framed(TEXT)

        def heard(text: bytes) -> None:
            if b"Core/echo" not in text:
                raise RuntimeError(text[:500].decode())
            counted[0] += 1
            if going:
                socket.write(framed)

        socket.heard = heard
        socket.write(framed * in_flight)

    for socket in opened:
        pipeline(socket)
    await asyncio.sleep(WARM_UP)
    start, used, own, before = time.perf_counter(), cpu(pid), time.process_time(), counted[0]
    await asyncio.sleep(seconds)
    took, used, own = time.perf_counter() - start, cpu(pid) - used, time.process_time() - own
    count = counted[0] - before
    going = False
    await asyncio.sleep(0.2)
    for socket in opened:
        socket.close()
    if not count:
        raise SystemExit("nothing was echoed")
    return Rate(count / took, count / used.front, count / used.all, own / took)


@attrs.frozen
class Contender:
    """What is measured beside others.

    :param sockets: how many.
    """

    name: str
    route: Route
    pid: int
    sockets: int = 1
    http2: bool = False


async def compare(contenders: list[Contender], in_flight: int, seconds: float, rounds: int) -> None:
    """Measure each in turn, several times, and print the medians beside those of the first."""
    rates: dict[str, list[Rate]] = {one.name: [] for one in contenders}
    for _ in range(rounds):
        for one in contenders:
            rates[one.name].append(
                await pipelined(one.route, one.pid, one.sockets, in_flight, seconds, http2=one.http2)
            )
    print(f"{'echo':<24} {'a second':>10} {'per front CPU s':>18} {'per CPU s of all':>18} {'client':>8}")
    first = _median(rates[contenders[0].name])
    for name, found in rates.items():
        rate = _median(found)
        front, whole = (
            f"{rate.front:,.0f} {rate.front / first.front:4.0%}",
            f"{rate.all:,.0f} {rate.all / first.all:4.0%}",
        )
        print(f"{name:<24} {rate.wall:>10,.0f} {front:>18} {whole:>18} {rate.client:>8.0%}")


def _median(rates: list[Rate]) -> Rate:
    fields = [attrs.astuple(one) for one in rates]
    return Rate(*(statistics.median(column) for column in zip(*fields, strict=True)))


def contenders(server: Server, bare: Route | None, bare_pid: int, sockets: list[int]) -> list[Contender]:
    """The bare echo, where there is one, and jmapd by HTTP/1.1 and HTTP/2."""
    route = server.route(server.session())
    found = [] if bare is None else [Contender("bare Autobahn, wss", bare, bare_pid)]
    for count in sockets:
        found.append(Contender(f"jmapd HTTP/1.1, {count} x", route, server.pid, count))
        found.append(Contender(f"jmapd HTTP/2, {count} x", route, server.pid, count, http2=True))
    return found
