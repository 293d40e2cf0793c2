"""HTTP/1.1 at the front: routes, bounds, the Session, the API, on a real port."""

from __future__ import annotations

from base64 import b64encode

import orjson
import pytest

from jmapd.web.bounds import Bounds
from tests.web.fakes import ACCOUNT, NAME, PASSWORD
from tests.web.front import Front, turn, with_front
from tests.web.peer import AUTHORIZATION

JSON = b"Content-Type: application/json"


@with_front()
async def test_a_person_sees_where_they_are(front: Front) -> None:
    peer = await front.connect()
    page = await peer.request("GET", "/", auth=False)
    assert page.status == 200
    assert b"https://mail.example/.well-known/jmap" in page.body
    assert "date" in page.headers


@with_front()
async def test_rfc8620_2_the_session_at_both_places(front: Front) -> None:
    peer = await front.connect()
    for path in ("/.well-known/jmap", "/jmap/session"):
        found = await peer.request("GET", path)
        assert (found.status, found.headers["content-type"]) == (200, "application/json")
        assert found.headers["cache-control"] == "no-cache, no-store, must-revalidate"
        assert orjson.loads(found.body)["apiUrl"] == "https://mail.example/jmap/api/"
    asked = {"user": 7, "name": NAME, "read_only": False, "url": "https://mail.example"}
    assert ("session", asked) in front.pool.performed


@with_front()
async def test_rfc7617_2_without_credentials_the_challenge_says_utf8(front: Front) -> None:
    peer = await front.connect()
    for _ in range(2):
        refused = await peer.request("GET", "/jmap/session", auth=False)
        assert refused.status == 401
        assert refused.headers["www-authenticate"] == 'Basic realm="jmapd", charset="UTF-8", Bearer realm="jmapd"'
        assert refused.problem["status"] == 401


@with_front()
async def test_rfc8620_1_7_nothing_is_there_for_who_is_unknown(front: Front) -> None:
    front.pool.blobs["B1"] = b"secret"
    for method, path in (
        ("GET", "/.well-known/jmap"),
        ("GET", "/jmap/session"),
        ("POST", "/jmap/api/"),
        ("POST", f"/jmap/upload/{ACCOUNT}/"),
        ("GET", f"/jmap/download/{ACCOUNT}/B1/name?type=a/b"),
        ("GET", "/jmap/eventsource/?types=*&closeafter=no&ping=0"),
    ):
        # what comes with a body is not waited for, and ends the connection
        peer = await front.connect(tls=True)
        refused = await peer.request(method, path, b"{}" if method == "POST" else b"", JSON, auth=False)
        assert (refused.status, "www-authenticate" in refused.headers) == (401, True), path
    assert front.pool.asked == []


@with_front()
async def test_a_wrong_password_and_nobody_look_alike(front: Front) -> None:
    peer = await front.connect()
    answers = []
    for credentials in (f"{NAME}:wrong", f"nobody@localhost:{PASSWORD}"):
        field = b"Authorization: Basic " + b64encode(credentials.encode())
        answers.append(await peer.request("GET", "/jmap/session", b"", field, auth=False))
    assert [answer.status for answer in answers] == [401, 401]
    assert answers[0].body == answers[1].body


@with_front()
async def test_head_is_get_without_a_body(front: Front) -> None:
    peer = await front.connect()
    got = await peer.request("GET", "/jmap/session")
    head = await peer.request("HEAD", "/jmap/session")
    assert head.headers["content-length"] == got.headers["content-length"]
    assert not peer.received


@with_front()
async def test_a_wrong_method_is_told_the_right_ones(front: Front) -> None:
    peer = await front.connect()
    for method, path, allow in (("POST", "/jmap/session", "GET, HEAD"), ("GET", "/jmap/api/", "POST")):
        refused = await peer.request(method, path)
        assert (refused.status, refused.headers["allow"]) == (405, allow)


@pytest.mark.parametrize(
    "path", ["/nothing", "/jmap", "/jmap/download/aaa/B1", "/jmap/session/more", "//", "/jmap%2Fdownload/*"]
)
def test_nothing_is_at_other_paths(path: str, tmp_path: object) -> None:
    @with_front()
    async def test(front: Front) -> None:
        peer = await front.connect()
        assert (await peer.request("GET", path)).status == 404

    test(tmp_path)  # type: ignore[arg-type]  # it is the path that pytest made


@pytest.mark.parametrize("path", ["/jmap/upload", "/jmap/upload/", "/jmap%2Fupload/*", "/jmap/upload/aaa/more"])
def test_an_upload_needs_its_account(path: str, tmp_path: object) -> None:
    @with_front()
    async def test(front: Front) -> None:
        peer = await front.connect()
        assert (await peer.request("POST", path, b"x")).status == 404

    test(tmp_path)  # type: ignore[arg-type]  # it is the path that pytest made


@with_front()
async def test_rfc9112_3_2_2_a_target_may_name_the_server(front: Front) -> None:
    peer = await front.connect()
    assert (await peer.request("GET", "https://mail.example/jmap/session")).status == 200


@with_front()
async def test_rfc8620_3_1_a_request_is_answered(front: Front) -> None:
    peer = await front.connect(tls=True)
    for path in ("/jmap/api/", "/jmap/api"):
        answer = await peer.request("POST", path, b"{}", JSON + b"; charset=utf-8")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert orjson.loads(answer.body)["echo"] == 2
    assert front.pool.asked[0].origin.principal.name == NAME


@with_front()
async def test_rfc8620_3_1_another_content_type_is_refused(front: Front) -> None:
    peer = await front.connect()
    assert (await peer.request("POST", "/jmap/api/", b"{}", b"Content-Type: text/plain")).status == 415


@with_front()
async def test_rfc8620_3_6_1_a_request_of_max_size_is_taken_and_one_octet_more_is_not(front: Front) -> None:
    peer = await front.connect()
    assert (await peer.request("POST", "/jmap/api/", b" " * 100_000, JSON)).status == 200
    refused = await peer.request("POST", "/jmap/api/", b" " * 100_001, JSON)
    assert refused.status == 400
    assert refused.problem["type"] == "urn:ietf:params:jmap:error:limit"
    assert refused.problem["limit"] == "maxSizeRequest"
    await peer.closed()


@with_front()
async def test_a_chunked_request_is_bounded_too(front: Front) -> None:
    peer = await front.connect()
    head = b"\r\n".join((b"POST /jmap/api/ HTTP/1.1", b"Host: localhost", AUTHORIZATION, JSON))
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    peer.send(head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 24 + b"0\r\n\r\n")
    assert orjson.loads((await peer.response()).body)["echo"] == 24 * 0x1000
    peer.send(head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 25)
    refused = await peer.response()
    assert refused.problem["limit"] == "maxSizeRequest"
    assert refused.headers["connection"] == "close"


@with_front()
async def test_while_the_password_is_checked_the_body_is_not_read(front: Front) -> None:
    front.pool.hold("credentials")
    peer = await front.connect()
    head = b"\r\n".join((b"POST /jmap/api/ HTTP/1.1", b"Host: localhost", AUTHORIZATION, JSON))
    peer.send(head + b"\r\nContent-Length: 50000\r\n\r\n")
    await turn(0.05)
    peer.send(b" " * 50_000)
    await turn(0.05)
    (channel,) = front.http.channels
    assert channel.requests[0]._pending == []
    front.pool.let_go("credentials")
    assert (await peer.response()).status == 200


@with_front()
async def test_expect_100_continue_is_answered_when_the_client_is_known(front: Front) -> None:
    peer = await front.connect()
    head = [b"POST /jmap/api/ HTTP/1.1", b"Host: localhost", JSON, b"Content-Length: 2", b"Expect: 100-continue"]
    peer.send(b"\r\n".join((*head, b"", b"")))
    assert (await peer.response()).status == 401
    peer = await front.connect()
    peer.send(b"\r\n".join((*head, AUTHORIZATION, b"", b"")))
    assert (await peer.head())[0] == 100
    peer.send(b"{}")
    assert (await peer.response()).status == 200


@with_front()
async def test_pipelined_requests_are_answered_in_order(front: Front) -> None:
    peer = await front.connect()
    for size in (1, 2, 3):
        head = b"\r\n".join((b"POST /jmap/api HTTP/1.1", b"Host: localhost", AUTHORIZATION, JSON))
        peer.send(head + b"\r\nContent-Length: %d\r\n\r\n" % size + b" " * size)
    assert [orjson.loads((await peer.response()).body)["echo"] for _ in range(3)] == [1, 2, 3]


@with_front()
async def test_a_client_that_leaves_takes_its_request_with_it(front: Front) -> None:
    front.pool.echoing = False
    peer = await front.connect()
    head = b"\r\n".join((b"POST /jmap/api HTTP/1.1", b"Host: localhost", AUTHORIZATION, JSON))
    peer.send(head + b"\r\nContent-Length: 2\r\n\r\n{}")
    while not front.pool.asked:
        await turn()
    peer.transport.abortConnection()  # type: ignore[union-attr]  # it is connected
    while front.http.channels:
        await turn()
    assert front.pool.asked[0].cancelled


@with_front(bounds=Bounds(header_timeout=0.2))
async def test_an_idle_connection_is_closed(front: Front) -> None:
    peer = await front.connect()
    peer.send(b"GET / HTTP/1.1\r\nHos")
    await peer.closed()


@with_front()
async def test_a_header_too_large_is_refused(front: Front) -> None:
    peer = await front.connect()
    peer.send(b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(20)) + b"\r\n")
    assert (await peer.response()).status == 431
    await peer.closed()


@with_front()
async def test_finishing_waits_for_the_answer_and_closes(front: Front) -> None:
    front.pool.echoing = False
    idle, busy = await front.connect(), await front.connect()
    assert (await idle.request("GET", "/")).status == 200
    head = b"\r\n".join((b"POST /jmap/api HTTP/1.1", b"Host: localhost", AUTHORIZATION, JSON))
    busy.send(head + b"\r\nContent-Length: 2\r\n\r\n{}")
    while not front.pool.asked:
        await turn()
    finished = front.http.finish()
    await idle.closed()
    assert not finished.called
    front.pool.answer(front.pool.asked[0])
    assert (await busy.response()).status == 200
    await finished
