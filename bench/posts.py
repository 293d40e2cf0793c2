"""POSTs to PushSubscriptions (RFC 8620 section 7.2): how late the last of them comes, and what each costs the server."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench import own
from bench.client import Server, Socket, read_account
from bench.usage import cpu
from bench.workloads import set_flag

PATIENCE = 60.0
"""Seconds for all POSTs of a change."""

AT_ONCE = 50
"""PushSubscriptions made in a Request."""

_TAKEN = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


@attrs.define
class PushService:
    """Takes POSTs, as many as come over each connection.

    :ivar bodies: of those that nobody has looked at yet.
    :ivar connections: how many there have been.
    """

    port: int = 0
    bodies: list[bytes] = attrs.field(factory=list)
    connections: int = 0
    _came: asyncio.Event = attrs.field(factory=asyncio.Event)
    _open: set[asyncio.StreamWriter] = attrs.field(factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        self.connections += 1
        self._open.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                self.bodies.append(await reader.readexactly(int(fields[b"content-length"])))
                self._came.set()
                writer.write(_TAKEN)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._open.discard(writer)
            writer.close()

    async def close(self) -> None:
        """Close the connections that are open."""
        for writer in self._open:
            writer.close()
        while self._open:
            await asyncio.sleep(0.01)

    async def take(self, count: int) -> list[bytes]:
        """The next so many, or those that have come in time."""
        end = time.perf_counter() + PATIENCE
        while len(self.bodies) < count and time.perf_counter() < end:
            self._came.clear()
            try:
                await asyncio.wait_for(self._came.wait(), end - time.perf_counter())
            except TimeoutError:
                break
        taken, self.bodies = self.bodies, []
        return taken


@asynccontextmanager
async def push_service(pair: own.Pair) -> AsyncIterator[PushService]:
    """A push service in this process."""
    made = PushService()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made
        await made.close()


async def posts(server: Server, pair: own.Pair, subscriptions: int, changes: int, gap: float, *, keys: bool) -> None:
    """Change something, and see when all have been told by POST.

    :param pair: whom the server trusts.
    :param gap: seconds between two changes.
    :param keys: whether all that is sent is encrypted.
    """
    session = server.session()
    [socket] = await server.sockets(session, 1)
    account = await read_account(server, session, socket)
    requests = set_flag(account)
    async with push_service(pair) as service:
        device = Device() if keys else None
        ids = await _subscribe(socket, service, subscriptions, device)
        for _ in range(changes):
            await asyncio.sleep(gap)
            before = cpu(server.pid)
            await socket.ask(next(requests))
            answered = time.perf_counter()
            came = len(await service.take(len(ids)))
            last = (time.perf_counter() - answered) * 1000
            used = cpu(server.pid) - before
            kind = "encrypted" if keys else "plain"
            print(
                f"posts {kind:<10} {came} of {len(ids)} came, the last {last:.0f} ms after the change's response; "
                f"{used.front / max(came, 1) * 1000:.2f} ms of the front's CPU for each, {service.connections} connections so far"
            )
    socket.close()


@attrs.frozen
class Device:
    """Keys that things are encrypted for (RFC 8291)."""

    private: ec.EllipticCurvePrivateKey = attrs.field(factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = attrs.field(factory=lambda: os.urandom(16))

    @property
    def public(self) -> bytes:
        """The point, uncompressed."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def keys(self) -> dict[str, str]:
        """The property of a PushSubscription."""
        return {"p256dh": urlsafe_b64encode(self.public).decode(), "auth": urlsafe_b64encode(self.auth).decode()}

    def read(self, sealed: bytes) -> bytes:
        """What was encrypted."""
        salt, theirs, rest = sealed[:16], sealed[21:86], sealed[86:]
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
        secret = self.private.exchange(ec.ECDH(), point)
        shared = HKDF(SHA256(), 32, self.auth, b"WebPush: info\0" + self.public + theirs).derive(secret)
        key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(shared)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(shared)
        return AESGCM(key).decrypt(nonce, rest, None)[:-1]


async def _subscribe(socket: Socket, service: PushService, count: int, device: Device | None) -> list[str]:
    """Make PushSubscriptions, and verify them; their Ids."""
    url = f"https://localhost:{service.port}/"
    one = {"deviceClientId": "bench", "url": url, "keys": None if device is None else device.keys()}
    for start in range(0, count, AT_ONCE):
        create = {f"k{number}": one for number in range(min(AT_ONCE, count - start))}
        await socket.ask([("PushSubscription/set", {"create": create})])
    verify = {}
    for body in await service.take(count):
        said: dict[str, Any] = json.loads(body if device is None else device.read(body))
        verify[said["pushSubscriptionId"]] = {"verificationCode": said["verificationCode"]}
    for start in range(0, count, AT_ONCE):
        update = dict(list(verify.items())[start : start + AT_ONCE])
        await socket.ask([("PushSubscription/set", {"update": update})])
    return list(verify)
