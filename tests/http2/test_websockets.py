"""RFC 8441: WebSockets on streams, beside requests and beside each other."""

from __future__ import annotations

import orjson
from h2.errors import ErrorCodes

from tests.http2.peer import AUTHORIZED, connect
from tests.web.fakes import ACCOUNT
from tests.web.front import Front, turn, with_front
from tests.web.peer import BINARY, CLOSE, PING, PONG, TEXT, frame

ENABLE = {"@type": "WebSocketPushEnable", "dataTypes": None}


@with_front()
async def test_rfc8441_5_1_the_answer_is_200_with_the_subprotocol_and_without_a_key(front: Front) -> None:
    client = await connect(front)
    stream = await client.websocket()
    assert stream.headers["sec-websocket-protocol"] == "jmap"
    assert "sec-websocket-accept" not in stream.headers
    assert not {"upgrade", "connection"} & set(stream.headers)


@with_front()
async def test_requests_are_answered_on_every_path_that_is_a_websocket(front: Front) -> None:
    client = await connect(front)
    for path in ("/jmap/ws", "/"):
        stream = await client.websocket(path)
        stream.send(frame(TEXT, b'{"@type": "Request", "id": "r"}'))
        assert await stream.message() == {"@type": "Response", "echo": 31}


@with_front()
async def test_many_sockets_and_requests_on_one_connection(front: Front) -> None:
    client = await connect(front)
    streams = [await client.websocket() for _ in range(20)]
    assert len(front.sockets.connections) == 20
    for number, stream in enumerate(streams):
        stream.send(frame(TEXT, b"x" * (number + 1)))
    assert (await client.fetch("GET", "/jmap/session")).status == 200
    for number, stream in enumerate(streams):
        assert (await stream.message())["echo"] == number + 1
    assert {one.version for one in front.sockets.connections} == {"HTTP/2"}


@with_front()
async def test_a_push_comes(front: Front) -> None:
    client = await connect(front)
    stream = await client.websocket()
    stream.say(ENABLE)
    stream.send(frame(PING, b"?"))
    assert (await stream.next_frame())[0] == PONG
    front.hub.announce({ACCOUNT: {"Email": 9}})
    assert (await stream.message())["@type"] == "StateChange"


@with_front()
async def test_a_large_message_comes_whole_and_its_answer_goes_whole(front: Front) -> None:
    client = await connect(front)
    stream = await client.websocket()
    front.pool.echoing = False
    stream.send(frame(TEXT, b"x" * 100_000))
    while not front.pool.asked:
        await turn()
    assert len(front.pool.asked[0].request) == 100_000
    front.pool.answer(front.pool.asked[0], b"y" * 1_000_000)
    opcode, payload = await stream.next_frame()
    assert (opcode, len(payload)) == (TEXT, 1_000_000)


@with_front()
async def test_closing_ends_both_sides_of_the_stream_and_nothing_else(front: Front) -> None:
    client = await connect(front)
    stream, other = await client.websocket(), await client.websocket()
    stream.send(frame(CLOSE, b"\x03\xe8"))
    assert (await stream.next_frame())[0] == CLOSE
    await stream.until(lambda: stream.ended)
    stream.send(b"", end=True)
    while len(front.sockets.connections) > 1:
        await turn()
    assert stream.reset is None
    other.send(frame(TEXT, b"x"))
    assert (await other.message())["echo"] == 1


@with_front()
async def test_rfc8441_5_a_reset_is_the_end_of_a_connection(front: Front) -> None:
    client = await connect(front)
    stream, other = await client.websocket(), await client.websocket()
    stream.cancel()
    while len(front.sockets.connections) > 1:
        await turn()
    other.send(frame(TEXT, b"x"))
    assert (await other.message())["echo"] == 1


@with_front()
async def test_an_end_without_a_close_frame_ends_the_socket(front: Front) -> None:
    client = await connect(front)
    stream = await client.websocket()
    stream.send(b"", end=True)
    await stream.closed()
    assert stream.ended
    assert not front.sockets.connections


@with_front()
async def test_rfc8441_5_an_abort_resets_the_stream_with_cancel(front: Front) -> None:
    client = await connect(front)
    stream = await client.websocket()
    next(iter(front.sockets.connections)).abort()
    await stream.closed()
    assert stream.reset == ErrorCodes.CANCEL
    assert (await client.fetch("GET", "/")).status == 200


@with_front()
async def test_a_binary_message_closes_with_1003(front: Front) -> None:
    client = await connect(front)
    stream = await client.websocket()
    stream.send(frame(BINARY, b"x"))
    opcode, payload = await stream.next_frame()
    assert (opcode, payload[:2]) == (CLOSE, b"\x03\xeb")


@with_front()
async def test_a_message_that_is_too_large_closes_with_1009(front: Front) -> None:
    client = await connect(front)
    stream = await client.websocket()
    stream.send(frame(TEXT, b"x" * 100_001))
    assert (await stream.message())["limit"] == "maxSizeRequest"
    opcode, payload = await stream.next_frame()
    assert (opcode, payload[:2]) == (CLOSE, b"\x03\xf1")


@with_front()
async def test_a_stream_that_fails_is_reset_alone(front: Front) -> None:
    client = await connect(front)
    stream, other = await client.websocket(), await client.websocket()
    failing = next(iter(front.sockets.connections))
    failing.consumeData = None  # type: ignore[method-assign,assignment]  # so that what comes is an error
    stream.send(frame(TEXT, b"x"))
    await stream.closed()
    assert stream.reset == ErrorCodes.INTERNAL_ERROR
    other.send(frame(TEXT, b"x"))
    assert (await other.message())["echo"] == 1


@with_front()
async def test_who_is_not_known_gets_401(front: Front) -> None:
    client = await connect(front)
    stream = client.connect_websocket(auth=False)
    assert (await stream.response()).status == 401


@with_front()
async def test_rfc8887_4_2_without_jmap_it_is_400(front: Front) -> None:
    client = await connect(front)
    stream = client.connect_websocket("/jmap/ws", (b"sec-websocket-protocol", b"xmpp"))
    assert (await stream.response()).status == 400


@with_front()
async def test_another_version_and_a_plain_get_are_400(front: Front) -> None:
    client = await connect(front)
    stream = client.connect_websocket("/jmap/ws", (b"sec-websocket-version", b"8"))
    assert (await stream.response()).status == 400
    assert (await client.fetch("GET", "/jmap/ws")).status == 400


@with_front()
async def test_rfc9220_3_another_protocol_is_501(front: Front) -> None:
    client = await connect(front)
    fields = [
        (b":method", b"CONNECT"),
        (b":protocol", b"connect-udp"),
        (b":scheme", b"https"),
        (b":path", b"/jmap/ws"),
        (b":authority", b"localhost"),
        *AUTHORIZED,
    ]
    assert (await client.begin(fields).response()).status == 501


@with_front()
async def test_a_plain_connect_is_refused_and_the_connection_goes_on(front: Front) -> None:
    client = await connect(front)
    stream = client.begin([(b":method", b"CONNECT"), (b":authority", b"example.com:25"), *AUTHORIZED])
    assert (await stream.response()).status == 501
    assert (await client.fetch("GET", "/")).status == 200


@with_front()
async def test_what_is_no_websocket_is_not_opened_as_one(front: Front) -> None:
    client = await connect(front)
    assert (await client.connect_websocket("/jmap/session").response()).status == 405


@with_front()
async def test_frames_that_come_with_the_handshake_are_not_lost(front: Front) -> None:
    client = await connect(front)
    stream = client.connect_websocket()
    stream.send(frame(TEXT, orjson.dumps("early")))
    assert await stream.answered() == 200
    assert (await stream.message())["echo"] == 7


@with_front()
async def test_a_reader_that_stops_holds_up_no_other_stream(front: Front) -> None:
    client = await connect(front)
    slow, other = await client.websocket(), await client.websocket()
    slow.taking = False
    front.pool.echoing = False
    slow.send(frame(TEXT, b"x"))
    while not front.pool.asked:
        await turn()
    front.pool.answer(front.pool.asked[0], b"y" * 500_000)
    front.pool.echoing = True
    held = next(one for one in front.sockets.connections if one.origin is front.pool.asked[0].origin)
    while not held.origin.held:
        await turn()
    client.h2.increment_flow_control_window(1 << 20)
    client.flush()
    other.send(frame(TEXT, b"x"))
    assert (await other.message())["echo"] == 1
    slow.take_all()
    assert len((await slow.next_frame())[1]) == 500_000
    assert not held.origin.held


@with_front()
async def test_a_stopping_server_says_1001_on_every_stream(front: Front) -> None:
    client = await connect(front)
    stream = await client.websocket()
    gone = front.http.finish()
    closed = front.sockets.close_all()
    opcode, payload = await stream.next_frame()
    assert (opcode, payload[:2]) == (CLOSE, b"\x03\xe9")
    stream.send(frame(CLOSE, payload[:2]))
    stream.send(b"", end=True)
    await closed
    await gone
    await client.closed()
