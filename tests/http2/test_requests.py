"""RFC 9113: requests of the whole resource tree as streams of one connection."""

from __future__ import annotations

import orjson
from h2.errors import ErrorCodes

from tests.http2.peer import connect
from tests.web.fakes import ACCOUNT
from tests.web.front import Front, turn, with_front

JSON = (b"content-type", b"application/json")


@with_front()
async def test_a_client_that_offers_both_gets_http2(front: Front) -> None:
    client = await connect(front)
    assert client.transport.negotiatedProtocol == b"h2"  # type: ignore[union-attr]  # it is connected


@with_front()
async def test_rfc8441_3_the_extended_connect_is_in_the_first_settings(front: Front) -> None:
    settings = await (await connect(front)).settings()
    assert settings[0x8] == 1
    assert settings[0x3] == 100


@with_front()
async def test_small_frames_are_not_held_back(front: Front) -> None:
    await connect(front)
    (connection,) = front.http.channels
    assert connection.transport.getTcpNoDelay()  # type: ignore[attr-defined]  # an HTTP/2 connection has it


@with_front()
async def test_the_session_and_the_page(front: Front) -> None:
    client = await connect(front)
    session = await client.fetch("GET", "/.well-known/jmap")
    assert session.status == 200
    assert session.headers["cache-control"] == "no-cache, no-store, must-revalidate"
    page = await client.fetch("GET", "/")
    assert page.status == 200
    assert b"jmap" in page.body.lower()
    assert "connection" not in page.headers
    assert "transfer-encoding" not in page.headers


@with_front()
async def test_head_has_a_length_and_no_content(front: Front) -> None:
    client = await connect(front)
    stream = client.ask("HEAD", "/")
    answer = await stream.response()
    assert answer.status == 200
    assert int(answer.headers["content-length"]) > 100
    assert answer.body == b""


@with_front()
async def test_who_says_nothing_of_themselves_gets_401(front: Front) -> None:
    client = await connect(front)
    answer = await client.ask("GET", "/jmap/session", auth=False).response()
    assert answer.status == 401
    assert "Basic" in answer.headers["www-authenticate"]


@with_front()
async def test_many_requests_at_once_each_get_their_own_answer(front: Front) -> None:
    client = await connect(front)
    streams = []
    for number in range(50):
        stream = client.ask("POST", "/jmap/api/", JSON, end=False)
        stream.send(b"x" * number + b"x", end=True)
        streams.append(stream)
    for number, stream in enumerate(streams, 1):
        answer = await stream.response()
        assert orjson.loads(answer.body)["echo"] == number
        assert stream.ended


@with_front()
async def test_an_upload_goes_through_whole_and_a_download_comes_back(front: Front) -> None:
    client = await connect(front)
    data = bytes(range(256)) * 1000
    made = await client.fetch("POST", f"/jmap/upload/{ACCOUNT}/", data, (b"content-type", b"text/x-test"))
    assert made.status == 201
    blob = orjson.loads(made.body)["blobId"]
    got = await client.fetch("GET", f"/jmap/download/{ACCOUNT}/{blob}/name?type=text/x-test")
    assert got.status == 200
    assert got.body == data


@with_front()
async def test_a_slow_reader_of_a_download_holds_up_nobody_else_on_the_connection(front: Front) -> None:
    client = await connect(front)
    data = bytes(290_000)
    made = await client.fetch("POST", f"/jmap/upload/{ACCOUNT}/", data)
    path = f"/jmap/download/{ACCOUNT}/{orjson.loads(made.body)['blobId']}/name"
    slow = client.ask("GET", path)
    slow.taking = False
    await slow.until(lambda: len(slow.received) >= 60_000)
    # the connection's window is what the slow stream must not use up
    client.h2.increment_flow_control_window(1 << 20)
    client.flush()
    assert (await client.fetch("GET", "/")).status == 200
    assert len(slow.received) < len(data)
    slow.take_all()
    assert (await slow.response()).body == data


@with_front()
async def test_rfc9113_8_1_an_early_answer_is_whole_and_the_rest_of_the_body_is_declined(front: Front) -> None:
    client = await connect(front)
    stream = client.ask("POST", "/jmap/api/", (b"content-type", b"text/plain"), end=False)
    stream.send(b"x" * 1000)
    assert await stream.answered() == 415
    await stream.closed()
    await client.until(lambda: stream.reset is not None)
    assert stream.ended
    assert stream.reset == ErrorCodes.NO_ERROR
    assert (await client.fetch("GET", "/")).status == 200


@with_front()
async def test_a_body_that_is_announced_as_too_large_is_refused_by_its_header(front: Front) -> None:
    client = await connect(front)
    stream = client.ask("POST", "/jmap/api/", JSON, (b"content-length", b"100001"), end=False)
    answer = await stream.response()
    assert answer.status == 400
    assert answer.problem["limit"] == "maxSizeRequest"


@with_front()
async def test_rfc9110_10_1_1_expect_is_answered_when_the_request_is_accepted(front: Front) -> None:
    client = await connect(front)
    stream = client.ask("POST", "/jmap/api/", JSON, (b"expect", b"100-continue"), end=False)
    await stream.until(lambda: bool(stream.informational))
    assert stream.informational == [100]
    stream.send(b'{"using": [], "methodCalls": []}', end=True)
    assert (await stream.response()).status == 200


@with_front()
async def test_a_stream_that_is_reset_drops_its_request_and_nothing_else(front: Front) -> None:
    client = await connect(front)
    front.pool.echoing = False
    stream = client.ask("POST", "/jmap/api/", JSON, end=False)
    stream.send(b'{"using": [], "methodCalls": []}', end=True)
    while not front.pool.asked:
        await turn()
    stream.cancel()
    while not front.pool.asked[0].cancelled:
        await turn()
    front.pool.echoing = True
    assert (await client.fetch("GET", "/")).status == 200


@with_front()
async def test_an_uploads_end_is_not_mistaken_for_its_whole(front: Front) -> None:
    client = await connect(front)
    stream = client.ask("POST", f"/jmap/upload/{ACCOUNT}/", end=False)
    stream.send(b"half")
    stream.cancel()
    assert (await client.fetch("GET", "/")).status == 200
    assert not front.pool.blobs


@with_front()
async def test_a_client_that_has_just_come_when_the_server_stops_is_answered_once(front: Front) -> None:
    client = await connect(front)
    gone = front.http.finish()
    late = await connect(front)
    for number, one in enumerate((client, late)):
        assert (await one.fetch("GET", "/")).status == 200, number
        await one.closed()
        assert one.terminated == ErrorCodes.NO_ERROR
    await gone


@with_front()
async def test_a_stopping_server_finishes_what_is_open_and_takes_nothing_new(front: Front) -> None:
    client = await connect(front)
    front.pool.echoing = False
    stream = client.ask("POST", "/jmap/api/", JSON, end=False)
    stream.send(b'{"using": [], "methodCalls": []}', end=True)
    while not front.pool.asked:
        await turn()
    gone = front.http.finish()
    await client.until(lambda: client.terminated is not None)
    assert client.terminated == ErrorCodes.NO_ERROR
    front.pool.answer(front.pool.asked[0])
    assert (await stream.response()).status == 200
    await gone
    await client.closed()
