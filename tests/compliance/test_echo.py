"""The echo server and the bridge to it, which the Autobahn testsuite stands on."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from compliance.echo import PATH
from compliance.serving import serving

TRUST = ssl.create_default_context()
TRUST.check_hostname = False
TRUST.verify_mode = ssl.CERT_NONE


@pytest.fixture(scope="module", params=[(), ("--takeover",)], ids=["as-it-comes", "takeover"])
def ports(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    with (
        serving("compliance.echo", *request.param) as (plain, secure),
        serving("compliance.bridge", secure) as (bridge,),
    ):
        yield {"ws": plain, "wss": secure, "http2": bridge}


def opened(ports: dict[str, str], transport: str) -> connect:
    """A client that reads and writes in one thread, as it must over TLS (`tests.system.server.Connection`)."""
    url = f"{'wss' if transport == 'wss' else 'ws'}://127.0.0.1:{ports[transport]}{PATH}"
    trust = TRUST if transport == "wss" else None
    return connect(url, ssl=trust, subprotocols=["jmap"], max_size=None, open_timeout=60)  # type: ignore[list-item]  # it is a str there


TRANSPORTS = pytest.mark.parametrize("transport", ["ws", "wss", "http2"])


@TRANSPORTS
def test_messages_come_back_as_they_were(transport: str, ports: dict[str, str]) -> None:
    async def whole() -> None:
        async with opened(ports, transport) as peer:
            assert peer.subprotocol == "jmap"
            assert [one.name for one in peer.protocol.extensions] == ["permessage-deflate"]
            for message in ("", "a text", b"octets", b"\xff" * 16 * 1024 * 1024, "ä" * 100_000):
                await peer.send(message)
                assert await asyncio.wait_for(peer.recv(), 60) == message

    asyncio.run(whole())


@TRANSPORTS
def test_what_is_wrong_closes_one_connection_and_no_other(transport: str, ports: dict[str, str]) -> None:
    async def whole() -> None:
        async with opened(ports, transport) as other, opened(ports, transport) as peer:
            await peer.send(b"\xff", text=True)
            with pytest.raises(ConnectionClosedError, match="1007"):
                await asyncio.wait_for(peer.recv(), 60)
            await other.send("still here")
            assert await asyncio.wait_for(other.recv(), 60) == "still here"

    asyncio.run(whole())


def test_the_bridge_ends_when_its_server_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = str(nobody.getsockname()[1])
    with (
        serving("compliance.bridge", port) as (bridge,),
        socket.create_connection(("127.0.0.1", int(bridge))) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Key: x\r\n\r\n")
        assert client.recv(1) == b""
