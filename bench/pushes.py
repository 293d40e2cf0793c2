"""WebSockets that wait: how late the last of them hears of a change, and what those that do nothing cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from bench.client import Server, Socket, read_account
from bench.usage import cpu, resident
from bench.workloads import create, set_flag

PATIENCE = 30.0
"""Seconds for a push."""

_PER_SOURCE = 5000
_FIRST_SOURCE = 2


async def fan_out(server: Server, subscribers: int, changes: int, gap: float) -> None:
    """Change something, and see when the others are told."""
    session = server.session()
    sockets = await server.sockets(session, subscribers)
    await asyncio.gather(*(socket.enable_push() for socket in sockets))
    [changer] = await server.sockets(session, 1)
    account = await read_account(server, session, changer)
    requests = set_flag(account)
    for _ in range(changes):
        await asyncio.sleep(gap)
        for socket in sockets:
            socket.pushed.clear()
        await changer.ask(next(requests))
        await _tell("fan-out", time.perf_counter(), sockets)
    for socket in (*sockets, changer):
        socket.close()


async def _tell(name: str, answered: float, sockets: Iterable[Socket]) -> None:
    """Wait until all have heard, and print how late the last was."""
    waiting = [asyncio.wait_for(socket.next_push(), PATIENCE) for socket in sockets]
    heard = await asyncio.gather(*waiting, return_exceptions=True)
    times = [one for one in heard if isinstance(one, float)]
    last = max(0.0, max(times) - answered) * 1000 if times else float("nan")
    print(f"{name:<16} {len(times)} of {len(heard)} told, the last {last:.0f} ms after the change's response")


async def idle(servers: list[Server], connections: int, seconds: float, changes: int) -> None:
    """What connections that do nothing cost the server, and how soon all of them hear of a change.

    :param servers: the same one, as each of its users has it; they share the connections.
    :param seconds: to watch the heartbeat for; 0: not at all.
    """
    pid = servers[0].pid
    # what the first of each user makes is no part of what the others cost
    warm = [await server.sockets(server.session(), 1) for server in servers]
    before, start = resident(pid), time.perf_counter()
    sockets: list[Socket] = []
    for number, server in enumerate(servers):
        share = connections // len(servers) + (number < connections % len(servers))
        sockets += await _from_sources(server, share, len(sockets))
    took = time.perf_counter() - start
    size = (resident(pid) - before) / connections / 1024
    kind = servers[0].carriage
    print(f"idle {kind:<11} {connections} connections in {took:.0f} s, {size:.1f} KiB for each")
    await _enable(sockets)
    if changes:
        await _change(servers, [one for [one] in warm], sockets, changes)
    size = (resident(pid) - before) / connections / 1024
    print(f"idle {kind:<11} {size:.1f} KiB for each when they listen for pushes and have had {changes}")
    if seconds:
        await _watch(pid, sockets, seconds)
    for socket in (*sockets, *(one for [one] in warm)):
        socket.close()


async def _from_sources(server: Server, count: int, already: int) -> list[Socket]:
    """Connect from more than one loopback address: one has not ports enough for all."""
    session = server.session()
    source = f"127.0.0.{_FIRST_SOURCE + already // _PER_SOURCE}"
    return await server.sockets(session, count, source)


async def _enable(sockets: list[Socket]) -> None:
    """Have them all listen, a few at a time: a user may have no more than so many Requests waiting."""
    for start in range(0, len(sockets), 100):
        await asyncio.gather(*(socket.enable_push() for socket in sockets[start : start + 100]))


async def _change(servers: list[Server], changers: list[Socket], sockets: list[Socket], changes: int) -> None:
    """Change something for every user at once."""
    accounts = [
        await read_account(server, server.session(), one) for server, one in zip(servers, changers, strict=True)
    ]
    requests = [create(account) for account in accounts]
    for _ in range(changes):
        await asyncio.sleep(2.5)
        for socket in sockets:
            socket.pushed.clear()
        asked = [one.ask(next(calls)) for one, calls in zip(changers, requests, strict=True)]
        for first in asyncio.as_completed(asked):
            await first
            break
        await _tell("push to all", time.perf_counter(), sockets)


async def _watch(pid: int, sockets: list[Socket], seconds: float) -> None:
    pings, used, start = sum(one.socket.pings for one in sockets), cpu(pid), time.perf_counter()
    await asyncio.sleep(seconds)
    used, took = cpu(pid) - used, time.perf_counter() - start
    pings = sum(one.socket.pings for one in sockets) - pings
    alive = sum(one.socket.open for one in sockets)
    share = used.front / took
    print(
        f"heartbeat        {share:.2%} of a core over {took:.0f} s, {pings / took * 60 / len(sockets):.2f} Pings a minute each, "
        f"{alive} of {len(sockets)} are open"
    )
