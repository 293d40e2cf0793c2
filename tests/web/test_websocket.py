"""RFC 8887's messages over a real WebSocket, frame by frame; the pool behind it is a fake."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from jmapd.protocol.limits import Limits
from tests.web.fakes import ACCOUNT, USER
from tests.web.front import Front, turn, with_front
from tests.web.peer import BINARY, CLOSE, PING, PONG, TEXT, Peer, frame

REQUEST = b'{"@type":"Request","id":"R1","using":[],"methodCalls":[]}'


async def opened(front: Front, *, tls: bool = False) -> Peer:
    peer = await front.connect(tls=tls)
    await peer.open()
    return peer


@with_front()
async def test_rfc8887_4_3_a_request_is_answered_in_a_text_frame(front: Front) -> None:
    peer = await opened(front, tls=True)
    peer.send(frame(TEXT, REQUEST))
    opcode, _ = await peer.next_frame()
    assert opcode == TEXT
    assert front.pool.asked[0].request == REQUEST
    assert front.pool.asked[0].origin.principal.user == USER


@with_front()
async def test_rfc8887_4_3_fragments_are_coalesced(front: Front) -> None:
    peer = await opened(front)
    peer.send(frame(TEXT, REQUEST[:10], fin=False) + frame(PING, b"between"))
    for octet in REQUEST[10:]:
        peer.send(frame(0, bytes([octet]), fin=False))
    peer.send(frame(0, b""))
    assert await peer.next_frame() == (PONG, b"between")
    await peer.message()
    assert front.pool.asked[0].request == REQUEST


@with_front()
async def test_rfc8887_4_3_1_a_binary_message_closes_with_1003(front: Front) -> None:
    peer = await opened(front)
    peer.send(frame(BINARY, REQUEST) + frame(TEXT, REQUEST))
    assert await peer.close_code() == 1003
    assert front.pool.asked == []


@with_front()
async def test_rfc8887_4_3_1_what_is_wrong_with_a_push_message_is_told(front: Front) -> None:
    peer = await opened(front)
    peer.say({"@type": "WebSocketPushEnable"})
    error = await peer.message()
    assert error["@type"] == "RequestError"
    assert error["type"] == "urn:ietf:params:jmap:error:notRequest"
    assert error["status"] == 400
    assert error["requestId"] is None
    peer.send(frame(TEXT, REQUEST))
    assert (await peer.message())["@type"] == "Response"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"\xff{}"), 1007),
        (frame(TEXT, b"\xc3", fin=False) + frame(0, b"("), 1007),
        (frame(TEXT, b"\xe2\x82"), 1007),
        (frame(0, b"no message has begun"), 1002),
        (frame(3, b""), 1002),
        (bytes([0xC1, 0x80]) + bytes(4), 1002),
        (b"\x81\x02{}", 1002),
        (frame(PING, b"", fin=False), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, struct.pack("!H", 1005)), 1002),
        (frame(CLOSE, struct.pack("!H", 1000) + b"bye"), 1000),
        (frame(CLOSE, struct.pack("!H", 4000)), 1000),
    ],
)
def test_rfc6455_7_4_1_close_codes(sent: bytes, code: int, tmp_path: Path) -> None:
    @with_front()
    async def test(front: Front) -> None:
        peer = await opened(front)
        peer.send(sent)
        assert await peer.close_code() == code
        assert front.pool.asked == []

    test(tmp_path)


@with_front()
async def test_rfc8620_3_6_1_max_size_request_is_taken_and_one_octet_more_is_not(front: Front) -> None:
    peer = await opened(front)
    peer.send(frame(TEXT, b" " * 60_000, fin=False) + frame(0, b" " * 40_000))
    assert (await peer.message())["echo"] == 100_000
    peer.send(frame(TEXT, b" " * 60_000, fin=False) + frame(0, b" " * 40_001))
    error = await peer.message()
    assert (error["@type"], error["limit"], error["requestId"]) == ("RequestError", "maxSizeRequest", None)
    assert await peer.close_code() == 1009


@with_front()
async def test_a_message_too_large_is_refused_by_its_frames_head_alone(front: Front) -> None:
    peer = await opened(front)
    peer.send(struct.pack("!BBQ", 0x81, 0x80 | 127, 1 << 40) + bytes(4))
    assert (await peer.message())["limit"] == "maxSizeRequest"
    opcode, payload = await peer.next_frame()
    assert (opcode, payload[:2]) == (CLOSE, struct.pack("!H", 1009))


@with_front(limits=Limits())
async def test_ten_megabytes_work_whole_and_in_pieces(front: Front) -> None:
    peer = await opened(front, tls=True)
    peer.send(frame(TEXT, b" " * 10_000_000))
    assert (await peer.message())["echo"] == 10_000_000
    piece = b" " * 100_000
    peer.send(frame(TEXT, piece, fin=False) + frame(0, piece, fin=False) * 98 + frame(0, piece))
    assert (await peer.message())["echo"] == 10_000_000


@with_front()
async def test_rfc8887_4_3_2_answers_come_in_the_order_they_are_ready(front: Front) -> None:
    front.pool.echoing = False
    peer = await opened(front)
    peer.send(frame(TEXT, b"[1]") + frame(TEXT, b"[2]"))
    while len(front.pool.asked) < 2:
        await turn()
    first, second = front.pool.asked
    assert first.origin is second.origin
    front.pool.answer(second, b'{"requestId":"2"}')
    front.pool.answer(first, b'{"requestId":"1"}')
    assert [(await peer.message())["requestId"] for _ in range(2)] == ["2", "1"]


@with_front()
async def test_a_socket_that_closes_takes_its_requests_with_it(front: Front) -> None:
    front.pool.echoing = False
    peer = await opened(front)
    peer.send(frame(TEXT, b"[1]"))
    while not front.pool.asked:
        await turn()
    peer.transport.abortConnection()  # type: ignore[union-attr]  # it is connected
    while front.sockets.connections:
        await turn()
    assert front.pool.asked[0].cancelled


@with_front()
async def test_an_error_of_our_own_closes_with_1011(front: Front) -> None:
    peer = await opened(front)
    front.pool.submit = None  # type: ignore[assignment,method-assign]  # the error
    peer.send(frame(TEXT, REQUEST))
    assert await peer.close_code() == 1011


@with_front()
async def test_when_the_password_changes_the_socket_closes_with_1008(front: Front) -> None:
    peer = await opened(front)
    front.pool.change("password", USER + 1)
    peer.send(frame(TEXT, REQUEST))
    await peer.message()
    front.pool.change("password")
    assert await peer.close_code() == 1008


@with_front()
async def test_going_away_closes_with_1001_after_the_answers(front: Front) -> None:
    front.pool.echoing = False
    peer = await opened(front)
    peer.send(frame(TEXT, b"[1]"))
    while not front.pool.asked:
        await turn()
    front.sockets.finish()
    peer.send(frame(TEXT, b"[2]"))
    await turn(0.05)
    assert len(front.pool.asked) == 1
    front.pool.answer(front.pool.asked[0])
    closed = front.sockets.close_all()
    assert (await peer.message())["@type"] == "Response"
    assert await peer.close_code() == 1001
    await closed
    late = await front.connect()
    await late.open()
    assert await late.close_code() == 1001


@with_front()
async def test_a_client_that_does_not_read_is_held_and_released(front: Front) -> None:
    for tls in (False, True):
        front.pool.echoing, front.pool.asked = False, []
        front.pool.released_times = 0
        peer = await opened(front, tls=tls)
        peer.send(frame(TEXT, b"[1]"))
        while not front.pool.asked:
            await turn()
        (asked,) = front.pool.asked
        peer.transport.pauseProducing()  # type: ignore[union-attr]  # it is connected
        front.pool.answer(asked, b" " * 30_000_000)
        await turn(0.05)
        assert asked.origin.held
        # it is not read from either
        peer.send(frame(TEXT, b"[2]"))
        await turn(0.05)
        assert len(front.pool.asked) == 1
        peer.transport.resumeProducing()  # type: ignore[union-attr]  # it is connected
        assert len((await peer.next_frame())[1]) == 30_000_000
        while len(front.pool.asked) < 2:
            await turn()
        assert not asked.origin.held
        assert front.pool.released_times


@with_front()
async def test_too_much_for_a_client_that_does_not_read_closes_with_1008(front: Front) -> None:
    front.pool.echoing = False
    peer = await opened(front)
    peer.send(frame(TEXT, b"[1]") * 4)
    while len(front.pool.asked) < 4:
        await turn()
    peer.transport.pauseProducing()  # type: ignore[union-attr]  # it is connected
    for asked in front.pool.asked:
        front.pool.answer(asked, b" " * 30_000_000)
    (connection,) = front.sockets.connections
    assert not connection.can_send
    peer.transport.resumeProducing()  # type: ignore[union-attr]  # it is connected
    for _ in range(4):
        opcode, payload = await peer.next_frame()
        if opcode == CLOSE:
            break
    assert struct.unpack("!H", payload[:2])[0] == 1008


@with_front()
async def test_rfc8887_4_3_5_pushes_are_enabled_and_disabled(front: Front) -> None:
    peer = await opened(front)
    peer.say({"@type": "WebSocketPushEnable", "dataTypes": ["Email"]})
    await turn(0.05)
    front.hub.announce({ACCOUNT: {"Mailbox": 6}})
    front.hub.announce({ACCOUNT: {"Email": 7}})
    change = await peer.message()
    assert change["@type"] == "StateChange"
    assert change["changed"] == {ACCOUNT: {"Email": "e1-7"}}
    assert isinstance(change["pushState"], str)
    peer.say({"@type": "WebSocketPushDisable"})
    await turn(0.05)
    front.hub.announce({ACCOUNT: {"Email": 8}})
    await turn(0.2)
    assert not peer.received
    # what was missed is told to who comes back with the token
    peer.say({"@type": "WebSocketPushEnable", "dataTypes": None, "pushState": change["pushState"]})
    front.pool.states[ACCOUNT]["Email"] = 8
    assert (await peer.message())["changed"] == {ACCOUNT: {"Email": "e1-8"}}


@with_front()
async def test_push_messages_take_effect_in_order_of_arrival(front: Front) -> None:
    peer = await opened(front)
    peer.send(
        frame(TEXT, b'{"@type":"WebSocketPushEnable","dataTypes":null,"pushState":"old"}')
        + frame(TEXT, b'{"@type":"WebSocketPushDisable"}')
        + frame(TEXT, REQUEST)
    )
    messages = [await peer.message()]
    if messages[0]["@type"] == "StateChange":
        messages.append(await peer.message())
    assert messages[-1]["@type"] == "Response"
    front.hub.announce({ACCOUNT: {"Email": 8}})
    await turn(0.2)
    assert not peer.received


@with_front()
async def test_a_client_that_does_not_read_hears_the_latest_afterwards(front: Front) -> None:
    front.pool.echoing = False
    peer = await opened(front)
    peer.say({"@type": "WebSocketPushEnable", "dataTypes": None})
    peer.send(frame(TEXT, b"[1]"))
    while not front.pool.asked:
        await turn()
    peer.transport.pauseProducing()  # type: ignore[union-attr]  # it is connected
    front.pool.answer(front.pool.asked[0], b" " * 30_000_000)
    await turn(0.05)
    for modseq in range(6, 30):
        front.hub.announce({ACCOUNT: {"Email": modseq}})
    await turn(0.3)
    peer.transport.resumeProducing()  # type: ignore[union-attr]  # it is connected
    await peer.next_frame()
    assert (await peer.message())["changed"] == {ACCOUNT: {"Email": "e1-1d"}}


@with_front(heartbeat=0.3, timeout=10)
async def test_the_heartbeat_pings(front: Front) -> None:
    peer = await opened(front)
    assert (await peer.next_frame())[0] == PING
    assert (await peer.next_frame())[0] == PING


@with_front(timeout=0.5)
async def test_silence_for_the_timeout_closes_with_1001(front: Front) -> None:
    silent, alive = await opened(front), await opened(front)
    for _ in range(10):
        await turn(0.1)
        alive.send(frame(PONG))
    assert await silent.close_code() == 1001
    assert alive.received == b""
    assert len(front.sockets.connections) == 1
