"""Requests in a closed loop: each slot sends its next one when its last was answered."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

from bench.client import Server, Socket, read_account
from bench.messages import generated
from bench.workloads import WORKLOADS


async def measure(server: Server, name: str, connections: int, in_flight: int, seconds: float) -> None:
    """Run a workload, and print a line about it."""
    session = server.session()
    sockets = await server.sockets(session, connections)
    account = await read_account(server, session, sockets[0])
    requests = WORKLOADS[name](account)
    lock = asyncio.Lock()
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def slot(socket: Socket) -> None:
        while (start := time.perf_counter()) < end:
            if name == "import":
                # blocking uploads are made beside the loop, one after the other
                async with lock:
                    calls = await asyncio.to_thread(next, requests)
            else:
                calls = next(requests)
            await socket.ask(calls)
            took.append(time.perf_counter() - start)

    start = time.perf_counter()
    await asyncio.gather(*(slot(socket) for socket in sockets for _ in range(in_flight)))
    rate = len(took) / (time.perf_counter() - start)
    median, worst = statistics.median(took) * 1000, statistics.quantiles(took, n=100)[98] * 1000
    print(f"{name:<16} {connections:>4}x{in_flight:<3} {rate:>9,.0f}/s   p50 {median:>7.2f} ms   p99 {worst:>8.2f} ms")
    for socket in sockets:
        socket.close()


async def seed(server: Server, count: int) -> None:
    """Fill the Inbox with generated messages, 50 in a Request."""
    session = server.session()
    [socket] = await server.sockets(session, 1)
    account = await read_account(server, session, socket)
    for start in range(0, count, 50):
        numbers = range(start, min(start + 50, count))
        blobs = [await asyncio.to_thread(account.upload, generated(number)) for number in numbers]
        emails = {
            str(at): {
                "blobId": blob,
                "mailboxIds": {account.inbox: True},
                "keywords": {"$seen": True} if at % 3 else {},
            }
            for at, blob in enumerate(blobs)
        }
        await socket.ask([account.call("Email/import", emails=emails)])
        if sys.stderr.isatty():
            print(f"\r{min(start + 50, count)} of {count} messages", end="", file=sys.stderr, flush=True)
    print(f"\r{count} of {count} messages", file=sys.stderr)
    socket.close()
