"""What browsers are told of answers to foreign pages that are allowed (Fetch, CORS)."""

from __future__ import annotations

from typing import Any

from tests.web.front import Front, with_front
from tests.web.peer import Peer, Response
from tests.web.test_http import JSON

PAGE = b"https://webmail.example"
ORIGIN = b"Origin: " + PAGE
UPLOAD = "/jmap/upload/aaa/"
ALLOWED: dict[str, Any] = {"allowed_origins": [PAGE.decode()]}


async def preflight(peer: Peer, path: str, method: str, *more: bytes) -> Response:
    lines = (b"Access-Control-Request-Method: " + method.encode(), ORIGIN, *more)
    return await peer.request("OPTIONS", path, b"", *lines, auth=False)


def allows(answer: Response) -> bool:
    """Whether the page may read the answer; with nobody's cookies, whatever it is."""
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["vary"] == "Origin"
    allowed = answer.headers.get("access-control-allow-origin") == PAGE.decode()
    assert allowed == ("access-control-expose-headers" in answer.headers)
    return allowed


@with_front(**ALLOWED)
async def test_a_preflight_is_answered_to_everybody_on_the_page(front: Front) -> None:
    peer = await front.connect()
    for path, methods in (
        ("/jmap/api/", "POST"),
        ("/.well-known/jmap", "GET, HEAD"),
        (UPLOAD, "POST"),
        ("/jmap/download/aaa/B1/x", "GET, HEAD"),
        ("/jmap/eventsource/", "GET, HEAD"),
        ("/jmap/ws/ticket", "POST"),
        ("/jmap/ws/ticket/made-up", "DELETE"),
    ):
        answer = await preflight(peer, path, "POST", b"Access-Control-Request-Headers: authorization,content-type")
        assert (answer.status, answer.body) == (204, b"")
        assert "content-length" not in answer.headers
        assert allows(answer)
        assert answer.headers["access-control-allow-methods"] == methods
        named = answer.headers["access-control-allow-headers"].lower().split(", ")
        assert {"authorization", "content-type", "last-event-id"} <= set(named)
        assert int(answer.headers["access-control-max-age"]) >= 600
    assert not front.pool.performed


@with_front(**ALLOWED)
async def test_a_preflight_where_nothing_is(front: Front) -> None:
    peer = await front.connect()
    answer = await preflight(peer, "/nothing", "GET")
    assert answer.status == 404
    assert allows(answer)


@with_front(**ALLOWED)
async def test_what_is_no_preflight_is_the_wrong_method(front: Front) -> None:
    peer = await front.connect()
    assert (await peer.request("OPTIONS", "/jmap/api/")).status == 405
    assert (await peer.request("OPTIONS", "/jmap/api/", b"", ORIGIN)).status == 405


@with_front(**ALLOWED)
async def test_a_public_page_may_reach_a_private_network(front: Front) -> None:
    peer = await front.connect()
    answer = await preflight(peer, "/jmap/api/", "POST", b"Access-Control-Request-Private-Network: true")
    assert answer.headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-private-network" not in (await preflight(peer, "/jmap/api/", "POST")).headers


@with_front(**ALLOWED)
async def test_every_answer_can_be_read_by_the_page(front: Front) -> None:
    front.pool.blobs["B1"] = b"hello"
    statuses = []
    for method, path, body, lines, auth in (
        ("GET", "/", b"", (), False),
        ("GET", "/.well-known/jmap", b"", (), True),
        ("GET", "/.well-known/jmap", b"", (), False),
        ("POST", "/jmap/api/", b"{}", (JSON,), True),
        ("POST", "/jmap/api/", b"{}", (), True),
        ("GET", "/jmap/api/", b"", (), True),
        ("POST", UPLOAD, b"x", (), True),
        ("GET", "/jmap/download/aaa/B1/x", b"", (), True),
        ("GET", "/jmap/download/aaa/B1/x", b"", (b'If-None-Match: "B1"',), True),
        ("GET", "/jmap/download/aaa/B2/x", b"", (), True),
        ("GET", "/jmap/eventsource/", b"", (), True),
        ("GET", "/jmap/ws", b"", (), True),
        ("POST", "/jmap/ws/ticket", b"", (), True),
        ("DELETE", "/jmap/ws/ticket/made-up", b"", (), True),
        ("GET", "/nothing", b"", (), True),
    ):
        # one that is refused before its body has come ends its connection
        peer = await front.connect()
        answer = await peer.request(method, path, body, ORIGIN, *lines, auth=auth)
        assert allows(answer), path
        statuses.append(answer.status)
    assert statuses == [200, 200, 401, 200, 415, 405, 201, 200, 304, 404, 400, 426, 200, 404, 404]


@with_front(**ALLOWED)
async def test_the_page_can_read_what_a_client_needs(front: Front) -> None:
    peer = await front.connect()
    answer = await peer.request("GET", "/jmap/session", b"", ORIGIN, auth=False)
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"Content-Disposition", "ETag", "Retry-After", "WWW-Authenticate"} <= set(exposed)


@with_front(**ALLOWED)
async def test_pages_of_the_own_origin_need_nothing(front: Front) -> None:
    peer = await front.connect()
    for lines in ((), (b"Origin: https://mail.example",)):
        answer = await peer.request("GET", "/jmap/session", b"", *lines)
        assert answer.status == 200
        assert not allows(answer)
