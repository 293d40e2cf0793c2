"""The bounds of a WebSocket, each at its limit and one above, over HTTP/1.1 and over HTTP/2."""

from __future__ import annotations

import struct
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from jmapd.web.bounds import SocketBounds
from tests.http2.peer import connect
from tests.web.front import Front, with_front
from tests.web.peer import CLOSE, PING, PONG, TEXT, Peer, frame

BOUNDS = SocketBounds(max_frames=10, max_control_frames=5)

Test = Callable[[Front, Peer], Coroutine[Any, Any, None]]


def over_both(test: Test) -> Any:
    """A test that is given a front and a WebSocket, over either version of HTTP."""

    @pytest.mark.parametrize("http", ["http1", "http2"])
    @wraps(test)
    def either(http: str, tmp_path: Path) -> None:
        @with_front(socket_bounds=BOUNDS)
        async def run(front: Front) -> None:
            if http == "http2":
                peer: Peer = await (await connect(front)).websocket()
            else:
                peer = await front.connect(tls=True)
                await peer.open()
            await test(front, peer)

        run(tmp_path)

    del either.__wrapped__
    return either


async def violated(front: Front, peer: Peer, bound: str) -> None:
    opcode, payload = await peer.next_frame()
    assert (opcode, struct.unpack("!H", payload[:2])) == (CLOSE, (1008,))
    assert front.hits(bound) == 1


@over_both
async def test_frames_of_a_message_at_the_limit_and_one_more(front: Front, peer: Peer) -> None:
    for count in (10, 11):
        peer.send(frame(TEXT, b"x", fin=False))
        for _ in range(count - 2):
            peer.send(frame(0, b"y", fin=False))
        peer.send(frame(0, b"z"))
        if count == 10:
            assert (await peer.message())["echo"] == 10
    await violated(front, peer, "web-sockets.max-frames")


@over_both
async def test_empty_frames_count_as_others_do(front: Front, peer: Peer) -> None:
    for count in (10, 11):
        peer.send(frame(TEXT, b"x", fin=False))
        for _ in range(count - 2):
            peer.send(frame(0, b"", fin=False))
        peer.send(frame(0, b""))
        if count == 10:
            assert (await peer.message())["echo"] == 1
    await violated(front, peer, "web-sockets.max-frames")


@over_both
async def test_control_frames_at_the_limit_and_one_more(front: Front, peer: Peer) -> None:
    for number in range(4):
        peer.send(frame(PING, b"%d" % number))
        assert await peer.next_frame() == (PONG, b"%d" % number)
    peer.send(frame(PONG))
    peer.send(frame(TEXT, b"x"))
    assert (await peer.message())["echo"] == 1
    peer.send(frame(PING))
    await violated(front, peer, "web-sockets.max-control-frames")


@over_both
async def test_who_costs_too_much_is_not_listened_to_any_more(front: Front, peer: Peer) -> None:
    peer.send(frame(PING) * 6 + frame(TEXT, b"x"))
    for _ in range(5):
        assert (await peer.next_frame())[0] == PONG
    await violated(front, peer, "web-sockets.max-control-frames")
    assert not front.pool.asked
