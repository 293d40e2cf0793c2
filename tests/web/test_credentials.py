"""Credentials at the front: tokens, scopes, who waits, and which sockets close when."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.internet import reactor

from tests.web.fakes import NAME, PASSWORD, USER
from tests.web.front import Front, turn, with_front
from tests.web.peer import TEXT, Peer, frame, upgrade


def bearer(token: str) -> bytes:
    return b"Authorization: Bearer " + token.encode()


def basic(password: str) -> bytes:
    return b"Authorization: Basic " + b64encode(f"{NAME}:{password}".encode())


async def opened(front: Front, authorization: bytes) -> Peer:
    peer = await front.connect()
    peer.send(upgrade(authorization=authorization))
    assert (await peer.head())[0] == 101
    return peer


async def is_open(peer: Peer) -> bool:
    peer.send(frame(TEXT, b"[1]"))
    return bool((await peer.message())["@type"] == "Response")


@with_front()
async def test_rfc6750_2_1_a_token_opens_http_and_websocket(front: Front) -> None:
    token = front.pool.make_token("t1", read_only=True)
    for field in (bearer(token), basic(token)):
        peer = await front.connect()
        assert (await peer.request("GET", "/jmap/session", b"", field, auth=False)).status == 200
        assert await is_open(await opened(front, field))
    asked = {"user": USER, "name": NAME, "read_only": True, "url": "https://mail.example"}
    assert ("session", asked) in front.pool.performed
    assert front.pool.asked[0].origin.principal.read_only


@with_front()
async def test_rfc6750_3_a_wrong_token_is_told_so(front: Front) -> None:
    peer = await front.connect()
    for token in ("jmapd_" + "x" * 43, "wrong"):
        refused = await peer.request("GET", "/jmap/session", b"", bearer(token), auth=False)
        assert refused.status == 401
        assert refused.headers["www-authenticate"] == 'Bearer realm="jmapd", error="invalid_token"'
        assert refused.problem["detail"] == "This token is not accepted."


@with_front()
async def test_rfc7617_2_a_wrong_name_or_password_is_told_so_and_not_which(front: Front) -> None:
    peer = await front.connect()
    for said in (basic("wrong"), b"Authorization: Basic " + b64encode(f"nobody:{PASSWORD}".encode())):
        refused = await peer.request("GET", "/jmap/session", b"", said, auth=False)
        assert refused.problem["detail"] == "This name and password are not accepted."
    for unsaid in ((), (b"Authorization: Negotiate abc",)):
        refused = await peer.request("GET", "/jmap/session", b"", *unsaid, auth=False)
        assert refused.problem["detail"].startswith("Say who you are: ")


@with_front()
async def test_rfc6750_2_a_token_in_the_url_is_not_looked_at(front: Front) -> None:
    peer = await front.connect()
    token = front.pool.make_token("t1")
    refused = await peer.request("GET", f"/jmap/session?access_token={token}", auth=False)
    assert refused.status == 401


@with_front()
async def test_rfc6750_3_1_a_read_only_token_uploads_nothing(front: Front) -> None:
    peer = await front.connect()
    token = front.pool.make_token("t1", read_only=True)
    refused = await peer.request("POST", "/jmap/upload/aaa/", b"x", bearer(token), auth=False)
    assert refused.status == 403
    assert refused.headers["www-authenticate"] == 'Bearer realm="jmapd", error="insufficient_scope"'
    assert not front.pool.uploads
    other = bearer(front.pool.make_token("t2"))
    peer = await front.connect()
    assert (await peer.request("POST", "/jmap/upload/aaa/", b"x", other, auth=False)).status == 201


@with_front()
async def test_a_socket_closes_with_1008_when_its_credential_ends_and_no_other_does(front: Front) -> None:
    fields = {
        "password": basic(PASSWORD),
        "token:t1": bearer(front.pool.make_token("t1")),
        "token:t2": basic(front.pool.make_token("t2")),
        "token:t3": bearer(front.pool.make_token("t3")),
    }
    sockets = {name: await opened(front, field) for name, field in fields.items()}
    for ended in ("token:t1", "password"):
        front.pool.change(ended)
        assert await sockets.pop(ended).close_code() == 1008
        for peer in sockets.values():
            assert await is_open(peer)
    front.pool.change(None)
    for peer in sockets.values():
        assert await peer.close_code() == 1008


@with_front()
async def test_a_socket_closes_with_1008_when_its_token_expires(front: Front) -> None:
    clock: Any = reactor
    brief = await opened(front, bearer(front.pool.make_token("t1", expires=clock.seconds() + 0.3)))
    longer = await opened(front, bearer(front.pool.make_token("t2", expires=clock.seconds() + 1000)))
    assert await is_open(brief)
    assert await brief.close_code() == 1008
    assert await is_open(longer)


@with_front()
async def test_a_handshake_that_was_known_before_a_change_opens_nothing_after_it(front: Front) -> None:
    peer = await front.connect()
    token = front.pool.make_token("t1")
    peer.send(upgrade("/jmap/ws", b"Content-Length: 1", authorization=bearer(token)))
    while not front.pool.performed:
        await turn()
    front.pool.change("token:t1")
    peer.send(b"x")
    assert (await peer.head())[0] == 101
    assert await peer.close_code() == 1008


@with_front(penalty=15)
async def test_rfc6585_4_one_too_many_failed_logins_is_429(front: Front) -> None:
    known = await front.connect()
    assert (await known.request("GET", "/jmap/session")).status == 200
    peer = await front.connect()
    assert (await peer.request("GET", "/jmap/session", b"", basic("wrong"), auth=False)).status == 401
    waiting = [await front.connect() for _ in range(5)]
    for number, one in enumerate(waiting):
        one.send(b"GET /jmap/session HTTP/1.1\r\nHost: localhost\r\n" + basic(f"wrong {number}") + b"\r\n\r\n")
    while len(front.penalty._waiting) < len(waiting):
        await turn()
    refused = await peer.request("GET", "/jmap/session", b"", basic("one too many"), auth=False)
    assert (refused.status, refused.headers["retry-after"]) == (429, "2")
    assert not any(one.received for one in waiting)
    assert (await known.request("GET", "/jmap/session")).status == 200
