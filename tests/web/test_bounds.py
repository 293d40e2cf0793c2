"""The bounds of connections and of time in HTTP/1.1, each at the limit and above it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from jmapd.observe.metrics import Metrics
from jmapd.web.admission import Admission, Verdict, whose_address
from jmapd.web.bounds import Bounds
from jmapd.web.turned_away import TurnedAway
from tests.web.fakes import NAME
from tests.web.front import Front, turn, with_front
from tests.web.peer import AUTHORIZATION, Peer, upgrade

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
UPLOAD = b"POST /jmap/upload/aaa/ HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION + b"\r\n"


async def send(front: Front, peer: Peer, data: bytes) -> None:
    """Send, and wait until the server has it."""
    (channel,) = front.http.channels
    before = channel.traffic.bytes_in
    peer.send(data)
    while channel.traffic.bytes_in < before + len(data):
        await turn()


async def came(front: Front) -> None:
    while not front.http.channels:
        await turn()


def clock(front: Front) -> Clock:
    found = front.http.site.reactor
    assert isinstance(found, Clock)
    return found


async def still_open(peer: Peer) -> None:
    await turn(0.05)
    assert not peer.lost


@with_front(clock=Clock())
async def test_a_header_has_ten_seconds_however_it_drips(front: Front) -> None:
    peer = await front.connect()
    await came(front)
    for at in range(9):
        await send(front, peer, GET[at : at + 1])
        clock(front).advance(1)
    clock(front).advance(0.9)
    await send(front, peer, GET[9:] + b"\r\n")
    assert (await peer.response()).status == 200
    assert front.hits("header-timeout") == 0


@with_front(clock=Clock())
async def test_rfc9110_15_5_9_a_header_that_takes_longer_gets_408(front: Front) -> None:
    peer = await front.connect()
    await came(front)
    for at in range(9):
        await send(front, peer, GET[at : at + 1])
        clock(front).advance(1)
    clock(front).advance(1)
    refused = await peer.response()
    assert (refused.status, refused.headers["connection"]) == (408, "close")
    await peer.closed()
    assert front.hits("header-timeout") == 1


@with_front(clock=Clock())
async def test_a_client_that_never_asks_is_left_without_a_word(front: Front) -> None:
    peer = await front.connect()
    await came(front)
    clock(front).advance(9.9)
    await still_open(peer)
    clock(front).advance(0.1)
    await peer.closed()
    assert not peer.received
    assert front.hits("header-timeout") == 1


@with_front(clock=Clock())
async def test_between_requests_it_may_be_idle_and_then_has_its_time_again(front: Front) -> None:
    peer = await front.connect()
    assert (await peer.request("GET", "/")).status == 200
    clock(front).advance(119.9)
    await send(front, peer, GET)
    clock(front).advance(9.9)
    await send(front, peer, b"\r\n")
    assert (await peer.response()).status == 200
    clock(front).advance(119.9)
    await still_open(peer)
    clock(front).advance(0.1)
    await peer.closed()
    assert not peer.received
    assert (front.hits("idle-timeout"), front.hits("header-timeout")) == (1, 0)


@with_front(clock=Clock())
async def test_a_slow_upload_of_the_least_rate_is_taken(front: Front) -> None:
    peer = await front.connect()
    await came(front)
    await send(front, peer, UPLOAD + b"Content-Length: 184320\r\n\r\n")
    while not front.http.channels or not next(iter(front.http.channels)).user:
        await turn()
    for _ in range(3):
        for _ in range(6):
            clock(front).advance(9.99)
            await send(front, peer, b" " * 10240)
        clock(front).advance(0.06)
    assert (await peer.response()).status == 201
    assert front.hits("body-timeout") == 0


@with_front(clock=Clock())
async def test_rfc9110_15_5_9_a_body_below_the_least_rate_gets_408(front: Front) -> None:
    peer = await front.connect()
    await came(front)
    await send(front, peer, UPLOAD + b"Content-Length: 184320\r\n\r\n")
    while not next(iter(front.http.channels)).user:
        await turn()
    await send(front, peer, b" " * 61440)
    clock(front).advance(60)
    await still_open(peer)
    await send(front, peer, b" " * 61439)
    clock(front).advance(59.9)
    await still_open(peer)
    clock(front).advance(0.1)
    assert (await peer.response()).status == 408
    assert front.hits("body-timeout") == 1
    # what it still has to say is read for a moment, and then it is over
    clock(front).advance(5)
    await peer.closed()


@with_front(clock=Clock())
async def test_the_time_that_we_do_not_read_a_body_is_not_the_clients(front: Front) -> None:
    front.pool.hold("credentials")
    peer = await front.connect()
    await came(front)
    await send(front, peer, UPLOAD + b"Content-Length: 10\r\n\r\n")
    clock(front).advance(30)
    for _ in range(10):
        clock(front).advance(60)
    await still_open(peer)
    front.pool.let_go("credentials")
    while not next(iter(front.http.channels)).user:
        await turn()
    clock(front).advance(59.9)
    await send(front, peer, b" " * 10)
    assert (await peer.response()).status == 201
    assert front.hits("body-timeout") == 0


@with_front()
async def test_rfc6585_5_header_fields_at_the_limit_and_one_more(front: Front) -> None:
    for more, status in ((0, 200), (1, 431)):
        peer = await front.connect()
        peer.send(
            b"GET / HTTP/1.1\r\n" + b"Host: x\r\n" + b"".join(b"X-%d: x\r\n" % n for n in range(99 + more)) + b"\r\n"
        )
        answer = await peer.response()
        assert answer.status == status
    assert answer.problem["status"] == 431
    await peer.closed()
    assert front.hits("max-header-fields") == 1


@pytest.mark.parametrize("pieces", [1, 20])
def test_rfc6585_5_header_octets_at_the_limit_and_one_more(pieces: int, tmp_path: Path) -> None:
    @with_front()
    async def test(front: Front) -> None:
        for more, status in ((0, 200), (1, 431)):
            peer = await front.connect()
            size = 16 * 1024 // pieces
            fields = [b"Host: x\r\n", *(b"A: %s\r\n" % (b"x" * (size - 15)) for _ in range(pieces - 1))]
            last = 16 * 1024 - sum(map(len, fields))
            fields.append(b"A: %s\r\n" % (b"x" * (last - 5 + more)))
            assert len(b"".join(fields)) == 16 * 1024 + more
            peer.send(b"GET / HTTP/1.1\r\n" + b"".join(fields) + b"\r\n")
            assert (await peer.response()).status == status
        assert front.hits("max-header-size") == 1

    test(tmp_path)


@with_front()
async def test_rfc9110_15_5_15_a_request_line_at_the_limit_and_one_more(front: Front) -> None:
    for more, status in ((0, 404), (1, 414)):
        peer = await front.connect()
        line = b"GET /%s HTTP/1.1" % (b"x" * (8 * 1024 - 14 + more))
        assert len(line) == 8 * 1024 + more
        peer.send(line + b"\r\nHost: x\r\n\r\n")
        assert (await peer.response()).status == status
    assert front.hits("max-request-line") == 1
    peer = await front.connect()
    peer.send(b"G" * (8 * 1024 + 2))
    assert (await peer.response()).status == 414


@with_front()
async def test_what_comes_behind_a_header_that_was_refused_is_no_request(front: Front) -> None:
    peer = await front.connect()
    peer.send(b"nonsense\r\n" + GET + b"\r\n")
    refused = await peer.response()
    assert (refused.status, refused.headers["connection"]) == (400, "close")
    await peer.closed()
    assert not peer.received


@pytest.mark.parametrize("tls", [False, True])
def test_rfc6585_4_connections_of_an_address_at_the_limit_and_above(tls: bool, tmp_path: Path) -> None:
    @with_front(bounds=Bounds(max_connections_per_address=2))
    async def test(front: Front) -> None:
        peers = [await front.connect(tls=tls) for _ in range(2)]
        assert [(await peer.request("GET", "/")).status for peer in peers] == [200, 200]
        # a WebSocket is a connection still
        await peers[0].open()
        turned_away = [await front.connect(tls=tls) for _ in range(2)]
        shut_out = await front.connect()
        shut_out.send(GET + b"\r\n")
        await shut_out.closed()
        assert not shut_out.received
        for peer in turned_away:
            refused = await peer.request("GET", "/")
            assert (refused.status, refused.headers["retry-after"]) == (429, "60")
            await peer.closed()
        assert front.hits("max-connections-per-address") == 3
        peers[0].transport.abortConnection()  # type: ignore[union-attr]  # it is connected
        while front.sockets.connections:
            await turn()
        assert (await (await front.connect(tls=tls)).request("GET", "/")).status == 200

    test(tmp_path)


def turned_away(protocol: bytes | None) -> tuple[TurnedAway, StringTransport, Clock]:
    timer = Clock()
    connection, transport = TurnedAway(timer, Bounds()), StringTransport()
    transport.negotiatedProtocol = protocol  # type: ignore[attr-defined]  # as a TLS transport has it
    connection.makeConnection(transport)
    return connection, transport, timer


def test_rfc9113_6_8_over_http2_who_is_turned_away_gets_goaway() -> None:
    connection, transport, _ = turned_away(b"h2")
    connection.dataReceived(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    connection.dataReceived(b"more")
    settings, goodbye = transport.value()[:9], transport.value()[9:]
    # an empty SETTINGS frame, and GOAWAY with 8 octets: no stream was seen, ENHANCE_YOUR_CALM
    assert settings == bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    assert goodbye == bytes([0, 0, 8, 7, 0, 0, 0, 0, 0]) + struct.pack("!II", 0, 0xB)
    assert transport.disconnecting


@pytest.mark.parametrize("size", [1, 7, 100])
def test_who_is_turned_away_is_told_when_the_header_is_there_or_too_large(size: int) -> None:
    for header in (GET + b"\r\n", b"x" * 24 * 1024):
        connection, transport, _ = turned_away(None)
        for at in range(0, len(header) - size, size):
            connection.dataReceived(header[at : at + size])
        assert not transport.value()
        connection.dataReceived(header[-size:] + b"x")
        connection.dataReceived(GET + b"\r\n")
        assert transport.value().startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
        assert transport.value().count(b"HTTP/1.1") == 1
        assert transport.disconnecting


def test_who_is_turned_away_does_not_stay() -> None:
    connection, transport, timer = turned_away(None)
    connection.dataReceived(GET)
    timer.advance(19.9)
    assert not transport.disconnected
    timer.advance(0.1)
    assert transport.disconnected


@with_front(bounds=Bounds(max_connections_per_address=1), trusted=lambda address: address == "127.0.0.1")
async def test_a_trusted_proxys_connections_are_not_counted(front: Front) -> None:
    peers = [await front.connect() for _ in range(5)]
    assert [(await peer.request("GET", "/")).status for peer in peers] == [200] * 5


def test_what_counts_as_one_address() -> None:
    assert whose_address("192.0.2.7") == whose_address("::ffff:192.0.2.7") == "192.0.2.7"
    assert whose_address("2001:db8:1:2::1") == whose_address("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert whose_address("2001:db8:1:3::1") != whose_address("2001:db8:1:2::1")
    assert whose_address("fe80::1%eth0") == "fe80::/64"


def test_a_unix_socket_has_no_address_to_count() -> None:
    admission = Admission(1, Metrics())
    assert [admission.enter("") for _ in range(5)] == [(Verdict.WELCOME, "")] * 5
    assert [admission.enter("::1")[0] for _ in range(3)] == [Verdict.WELCOME, Verdict.TURNED_AWAY, Verdict.SHUT_OUT]
    admission.leave("::/64")
    assert admission.enter("::1")[0] is Verdict.TURNED_AWAY


@with_front(bounds=Bounds(max_sockets_per_user=2))
async def test_rfc6585_4_sockets_of_a_user_at_the_limit_and_one_more(front: Front) -> None:
    peers = [await front.connect() for _ in range(3)]
    for peer in peers[:2]:
        await peer.open()
    peers[2].send(upgrade())
    refused = await peers[2].response()
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")
    assert front.hits("max-sockets-per-user") == 1
    peers[0].transport.abortConnection()  # type: ignore[union-attr]  # it is connected
    while len(front.sockets.connections) > 1:
        await turn()
    await peers[2].open()
    assert {one.origin.principal.name for one in front.sockets.connections} == {NAME}


@with_front(bounds=Bounds(handshake_timeout=0.2))
async def test_a_tls_handshake_has_its_time(front: Front) -> None:
    done = await front.connect(tls=True)
    assert (await done.request("GET", "/")).status == 200
    front.ports.reverse()
    silent = await front.connect()
    front.ports.reverse()
    await silent.closed()
    await turn(0.2)
    assert front.hits("handshake-timeout") == 1
    failed = front.metrics.registry.get_sample_value("jmapd_tls_handshakes_failed_total", {"reason": "timeout"})
    assert failed == 1
    assert (await done.request("GET", "/")).status == 200


@with_front()
async def test_a_tls_handshake_that_is_none_is_counted(front: Front) -> None:
    front.ports.reverse()
    peer = await front.connect()
    front.ports.reverse()
    peer.send(GET + b"\r\n")
    await peer.closed()
    while front.http.channels:
        await turn()
    assert front.metrics.registry.get_sample_value("jmapd_tls_handshakes_failed_total", {"reason": "error"}) == 1


@with_front(bounds=Bounds(header_timeout=0.2))
async def test_after_the_tls_handshake_a_client_must_ask(front: Front) -> None:
    silent = await front.connect(tls=True)
    await silent.closed()
    assert not silent.received
    assert front.hits("header-timeout") == 1
