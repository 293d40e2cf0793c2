"""A WebSocket at the well-known path (RFC 8307), and paths that are a WebSocket and something else."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.web.front import Front, with_front
from tests.web.peer import upgrade

SOCKETS = ["/.well-known/jmap", "/.well-known/jmap/", "/", "/jmap/ws", "/jmap/ws/"]


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize("tls", [False, True])
def test_rfc8307_1_a_handshake_opens_the_jmap_websocket(path: str, tls: bool, tmp_path: Path) -> None:
    @with_front()
    async def test(front: Front) -> None:
        peer = await front.connect(tls=tls)
        assert (await peer.open(path))["sec-websocket-protocol"] == "jmap"
        peer.say({"@type": "Request"})
        assert (await peer.message())["@type"] == "Response"

    test(tmp_path)


@with_front()
async def test_rfc8620_2_2_a_plain_get_finds_the_session(front: Front) -> None:
    peer = await front.connect()
    found = await peer.request("GET", "/.well-known/jmap")
    assert (found.status, orjson.loads(found.body)["username"]) == (200, "anna@localhost")
    assert (await peer.request("GET", "/.well-known/jmap", auth=False)).status == 401


@with_front()
async def test_a_handshake_at_another_path_opens_nothing(front: Front) -> None:
    for path, status in (("/jmap/session", 200), ("/.well-known/other", 404), ("/.well-known", 404)):
        peer = await front.connect()
        peer.send(upgrade(path))
        assert (await peer.response()).status == status


@with_front()
async def test_a_wrong_handshake_is_told_so_wherever_it_comes(front: Front) -> None:
    for path in SOCKETS:
        peer = await front.connect()
        peer.send(upgrade(path, but=b"Sec-WebSocket-Protocol"))
        refused = await peer.response()
        assert refused.status == 400
        assert "Sec-WebSocket-Protocol: jmap" in refused.problem["detail"]
        peer = await front.connect()
        peer.send(upgrade(path, authorization=b""))
        assert (await peer.response()).status == 401


@with_front()
async def test_rfc9110_7_8_an_upgrade_to_something_else_is_not_looked_at(front: Front) -> None:
    peer = await front.connect()
    for lines in ((b"Upgrade: h2c", b"Connection: Upgrade"), (b"Upgrade: websocket/13", b"Connection: Upgrade")):
        assert (await peer.request("GET", "/.well-known/jmap", b"", *lines)).status == 200
    peer.send(upgrade("/").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert (await peer.response()).headers["content-type"].startswith("text/html")
