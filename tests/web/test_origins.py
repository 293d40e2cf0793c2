"""Which web pages may talk to the server (RFC 6454, RFC 6455 section 10.2)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.protocol.origin import origin
from tests.web.front import Front, with_front
from tests.web.peer import Peer, upgrade

FOREIGN = b"Origin: https://evil.example"
PAGE = "https://webmail.example"


def asked(peer: Peer, host: str, *lines: bytes) -> None:
    peer.send(b"\r\n".join((b"GET / HTTP/1.1", b"Host: " + host.encode(), *lines, b"", b"")))


@pytest.mark.parametrize("path", ["/jmap/ws", "/", "/.well-known/jmap"])
def test_rfc6455_10_2_a_handshake_of_a_foreign_page_is_refused(path: str, tmp_path: Path) -> None:
    @with_front(allowed_origins=[PAGE])
    async def test(front: Front) -> None:
        for said in (b"https://evil.example", b"null", b"", b"https://mail.example.evil.example", b"mail.example",
                     b"https://mail.example:444", b"http://mail.example", b"https://mail.example https://evil.example",
                     b"https://mail.example/", b"https://x@mail.example", "https://mäil.example".encode()):  # fmt: skip
            peer = await front.connect(tls=True)
            peer.send(upgrade(path, b"Origin: " + said))
            refused = await peer.response()
            assert refused.status == 403, said
            assert "access-control-allow-origin" not in refused.headers
            assert "server.allowed-origins" in refused.problem["detail"]

    test(tmp_path)


@with_front(allowed_origins=[PAGE])
async def test_rfc6455_4_2_2_an_origin_is_compared_in_lower_case(front: Front) -> None:
    for said in ("https://mail.example", "HTTPS://Mail.Example", "https://mail.example:443", PAGE, PAGE.upper()):
        peer = await front.connect()
        await peer.open("/jmap/ws", b"Origin: " + said.encode())


@with_front()
async def test_rfc6454_7_3_two_origins_are_none(front: Front) -> None:
    peer = await front.connect()
    peer.send(upgrade("/jmap/ws", b"Origin: https://mail.example", b"Origin: https://mail.example"))
    assert (await peer.response()).status == 403


@with_front()
async def test_every_request_of_a_foreign_page_is_refused_whoever_it_is(front: Front) -> None:
    peer = await front.connect()
    for method, path, auth in (
        ("GET", "/", False),
        ("GET", "/.well-known/jmap", True),
        ("POST", "/jmap/api/", True),
        ("GET", "/jmap/download/aaa/B1/x", True),
        ("GET", "/nothing", True),
        ("OPTIONS", "/jmap/api/", False),
    ):
        refused = await peer.request(method, path, b"", FOREIGN, auth=auth)
        assert refused.status == 403
        assert "access-control-allow-origin" not in refused.headers
    assert ("credentials", {"name": "anna@localhost"}) not in front.pool.performed


@with_front()
async def test_who_sends_no_origin_is_no_page(front: Front) -> None:
    peer = await front.connect()
    answer = await peer.request("GET", "/.well-known/jmap")
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


@with_front(allowed_origins=["*"])
async def test_all_may_be_allowed(front: Front) -> None:
    for said in (b"https://evil.example", b"null", b"moz-extension://0123-4567"):
        peer = await front.connect()
        await peer.open("/jmap/ws", b"Origin: " + said)
        peer = await front.connect()
        answer = await peer.request("GET", "/jmap/session", b"", b"Origin: " + said)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")


@with_front()
async def test_the_name_that_a_browser_uses_is_its_own_origin(front: Front) -> None:
    peer = await front.connect(tls=True)
    for host, page, status in (
        ("localhost:8443", "https://localhost:8443", 200),
        ("other.example", "https://other.example", 200),
        ("other.example:443", "https://other.example", 200),
        ("other.example", "http://other.example", 403),
        ("other.example", "https://other.example:8443", 403),
        ("", "https://", 403),
    ):
        asked(peer, host, b"Origin: " + page.encode())
        assert (await peer.response()).status == status, (host, page)


@with_front()
async def test_behind_tls_a_page_that_came_in_the_clear_is_foreign(front: Front) -> None:
    # as a proxy that ends TLS hands it on
    peer = await front.connect()
    for host, page, status in (
        ("mail.example", "http://mail.example", 403),
        ("mail.example", "https://mail.example", 200),
        ("other.example", "http://other.example", 403),
        ("localhost:8080", "http://localhost:8080", 200),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", 200),
        ("[::1]:8080", "http://[::1]:8080", 200),
        ("localhost.example", "http://localhost.example", 403),
    ):
        asked(peer, host, b"Origin: " + page.encode())
        assert (await peer.response()).status == status, (host, page)


@with_front(url="http://mail.example")
async def test_a_server_in_the_clear_has_pages_in_the_clear(front: Front) -> None:
    peer = await front.connect()
    for host, page in (("mail.example", "http://mail.example"), ("other.example", "http://other.example")):
        asked(peer, host, b"Origin: " + page.encode())
        assert (await peer.response()).status == 200


@given(st.text())
def test_an_origin_in_its_one_form_stays_as_it_is(text: str) -> None:
    found = origin(text)
    assert found is None or origin(found) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://Mail.Example:443", "https://mail.example"),
        ("http://mail.example:80", "http://mail.example"),
        ("http://mail.example:443", "http://mail.example:443"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("null", None),
        ("*", None),
        ("mail.example", None),
        ("https://mail.example/", None),
        ("https://*.example", None),
        ("https://mail.example\n", None),
        ("https://mäil.example", None),
        ("https://İ.example", None),
    ],
)
def test_what_an_origin_is(text: str, found: str | None) -> None:
    assert origin(text) == found
