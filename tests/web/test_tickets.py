"""Tickets over HTTP, and what a URL may say of who somebody is."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from tests.web.fakes import NAME, PASSWORD
from tests.web.front import Front, with_front
from tests.web.peer import AUTHORIZATION, Peer, upgrade

TICKETS = "/jmap/ws/ticket"


async def made(peer: Peer, *lines: bytes) -> dict[str, Any]:
    answer = await peer.request("POST", TICKETS, b"", *lines)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = orjson.loads(answer.body)
    return found


async def opened(front: Front, path: str, *lines: bytes) -> int:
    """The status of a handshake that says who it is in its URL, if anywhere."""
    peer = await front.connect()
    peer.send(upgrade(path, *lines, authorization=b""))
    return (await peer.head())[0]


@with_front()
async def test_a_ticket_is_as_twake_mails_clients_read_it(front: Front) -> None:
    before = datetime.now(UTC)
    ticket = await made(await front.connect())
    assert set(ticket) == {"value", "clientAddress", "generatedOn", "validUntil", "username"}
    assert (ticket["clientAddress"], ticket["username"]) == ("127.0.0.1", NAME)
    generated, until = (datetime.fromisoformat(ticket[name]) for name in ("generatedOn", "validUntil"))
    assert all(ticket[name].endswith("Z") for name in ("generatedOn", "validUntil"))
    assert abs((generated - before).total_seconds()) < 5
    assert abs((until - generated).total_seconds() - 60) < 0.01
    assert quote(ticket["value"], safe="") == ticket["value"]


@pytest.mark.parametrize("path", ["/jmap/ws", "/", "/.well-known/jmap"])
def test_a_ticket_opens_one_socket(path: str, tmp_path: Path) -> None:
    @with_front()
    async def test(front: Front) -> None:
        ticket = await made(await front.connect())
        peer = await front.connect()
        peer.send(upgrade(f"{path}?ticket={ticket['value']}", authorization=b""))
        assert (await peer.head())[0] == 101
        peer.say({"@type": "Request"})
        assert (await peer.message())["@type"] == "Response"
        assert front.pool.asked[0].origin.principal.name == NAME
        assert await opened(front, f"{path}?ticket={ticket['value']}") == 401

    test(tmp_path)


@with_front()
async def test_a_ticket_goes_before_an_authorization(front: Front) -> None:
    wrong = b"Authorization: Basic " + b64encode(f"{NAME}:wrong".encode())
    ticket = await made(await front.connect())
    assert await opened(front, f"/jmap/ws?ticket={ticket['value']}", wrong) == 101
    assert await opened(front, "/jmap/ws?ticket=made-up", AUTHORIZATION) == 401


@with_front()
async def test_a_ticket_that_opens_nothing_is_told_so(front: Front) -> None:
    peer = await front.connect()
    peer.send(upgrade("/jmap/ws?ticket=made-up", authorization=b""))
    refused = await peer.response()
    assert refused.problem["detail"] == "This ticket is unknown, used, or older than a minute."
    assert "www-authenticate" in refused.headers


@with_front()
async def test_a_ticket_is_for_sockets_alone(front: Front) -> None:
    ticket = await made(await front.connect())
    peer = await front.connect()
    for method, path in (("GET", "/.well-known/jmap"), ("GET", "/jmap/session"), ("POST", TICKETS)):
        assert (await peer.request(method, f"{path}?ticket={ticket['value']}", auth=False)).status == 401
    assert await opened(front, f"/jmap/ws?ticket={ticket['value']}") == 101


@with_front()
async def test_who_is_unknown_gets_no_ticket(front: Front) -> None:
    peer = await front.connect()
    refused = await peer.request("POST", TICKETS, auth=False)
    assert refused.status == 401
    assert "www-authenticate" in refused.headers
    assert (await peer.request("DELETE", f"{TICKETS}/x", auth=False)).status == 401
    assert (await peer.request("GET", TICKETS)).headers["allow"] == "POST"


@with_front()
async def test_a_ticket_is_revoked_by_its_owner(front: Front) -> None:
    peer = await front.connect()
    ticket = await made(peer)
    revoked = await peer.request("DELETE", f"{TICKETS}/{ticket['value']}")
    assert (revoked.status, revoked.body) == (204, b"")
    assert await opened(front, f"/jmap/ws?ticket={ticket['value']}") == 401
    for path in (f"{TICKETS}/{ticket['value']}", f"{TICKETS}/made-up", f"{TICKETS}/", f"{TICKETS}/a/b", f"{TICKETS}/*"):
        status = (await peer.request("DELETE", path)).status
        assert status == (405 if path.endswith("/ticket/") else 404), path


@with_front(ticket_address=True, trusted_proxies=["127.0.0.1"])
async def test_a_ticket_may_be_bound_to_its_address(front: Front) -> None:
    ticket = await made(await front.connect(), b"X-Forwarded-For: 198.51.100.7")
    assert ticket["clientAddress"] == "198.51.100.7"
    path = f"/jmap/ws?ticket={ticket['value']}"
    assert await opened(front, path, b"X-Forwarded-For: 198.51.100.8") == 401
    assert await opened(front, path, b"X-Forwarded-For: 198.51.100.7") == 101


@with_front()
async def test_a_ticket_is_otherwise_good_from_anywhere(front: Front) -> None:
    ticket = await made(await front.connect(), b"X-Forwarded-For: 198.51.100.7")
    assert ticket["clientAddress"] == "127.0.0.1"


def in_url(name: str = NAME, password: str = PASSWORD) -> str:
    return quote(b64encode(f"{name}:{password}".encode()).decode(), safe="")


@with_front()
async def test_a_url_holds_no_password_unless_it_may(front: Front) -> None:
    assert await opened(front, f"/jmap/ws?basic={in_url()}") == 401


@with_front(credentials_in_url=True)
async def test_a_sockets_url_may_hold_a_password(front: Front) -> None:
    for path in ("/jmap/ws", "/", "/.well-known/jmap"):
        assert await opened(front, f"{path}?basic={in_url()}") == 101
        # as it is, base64 is no part of what a URL encodes
        assert await opened(front, f"{path}?basic={b64encode(f'{NAME}:{PASSWORD}'.encode()).decode()}") == 101
        assert await opened(front, f"{path}?basic={in_url(password='wrong')}") == 401
        assert await opened(front, f"{path}?basic=%00") == 401
        assert await opened(front, f"{path}?access_token=made-up") == 401
    peer = await front.connect()
    assert (await peer.request("GET", f"/jmap/session?basic={in_url()}", auth=False)).status == 401
