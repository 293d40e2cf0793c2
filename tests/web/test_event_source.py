"""RFC 8620 section 7.3: event streams on real ports, with a fake pool behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from twisted.internet.task import Clock

from jmapd.web.bounds import Bounds
from jmapd.web.event_source import MAX_PING, MIN_PING, STALL
from tests.http2.peer import connect
from tests.web.fakes import ACCOUNT, EPOCH, USER
from tests.web.front import Front, turn, with_front
from tests.web.peer import AUTHORIZATION, Peer

ALL = "/jmap/eventsource/?types=*&closeafter=no&ping=0"


class Reader:
    """A client that reads a stream, over HTTP/1.1."""

    def __init__(self, peer: Peer, headers: dict[str, str]) -> None:
        self.peer = peer
        self.headers = headers

    @classmethod
    async def begin(cls, front: Front, path: str = ALL, *lines: bytes) -> Reader:
        """Ask for a stream, and wait until it has begun."""
        peer = await front.connect()
        head = (f"GET {path} HTTP/1.1".encode(), b"Host: localhost", AUTHORIZATION, *lines, b"", b"")
        peer.send(b"\r\n".join(head))
        status, headers = await peer.head()
        assert status == 200, bytes(peer.received)
        made = cls(peer, headers)
        assert await made.chunk() == b":\n\n"
        return made

    async def chunk(self) -> bytes:
        """A chunk (RFC 9112 section 7.1); each event is one. The last one is empty."""
        await self.peer.until(lambda: b"\r\n" in self.peer.received)
        assert b"\r\n" in self.peer.received, "the connection has ended"
        length = int(self.peer.take(self.peer.received.index(b"\r\n") + 2), 16)
        await self.peer.until(lambda: len(self.peer.received) >= length + 2)
        return self.peer.take(length + 2)[:-2]

    async def event(self) -> dict[str, Any]:
        """The fields of an event; its data are parsed."""
        fields = dict(line.split(": ", 1) for line in (await self.chunk()).decode().strip().split("\n"))
        return {**fields, "data": orjson.loads(fields["data"])}


def is_listening(front: Front) -> bool:
    """Whether somebody listens to the account."""
    account = front.hub._accounts.get(ACCOUNT)
    return account is not None and bool(account.subscriptions)


async def listening(front: Front) -> None:
    """Wait until somebody does."""
    while not is_listening(front):
        await turn()


@with_front(throttle=0)
async def test_rfc8620_7_3_a_change_is_a_state_event(front: Front) -> None:
    reader = await Reader.begin(front)
    assert reader.headers["content-type"] == "text/event-stream"
    assert "content-length" not in reader.headers
    await listening(front)
    front.hub.announce({ACCOUNT: {"Email": 6}})
    event = await reader.event()
    assert event["event"] == "state"
    assert event["data"] == {"@type": "StateChange", "changed": {ACCOUNT: {"Email": f"{EPOCH}-6"}}}
    front.hub.announce({ACCOUNT: {"Mailbox": 7}})
    other = await reader.event()
    assert list(other["data"]["changed"][ACCOUNT]) == ["Mailbox"]
    assert other["id"] != event["id"]


@with_front(throttle=0)
async def test_rfc8620_7_3_only_the_types_asked_for_are_told(front: Front) -> None:
    reader = await Reader.begin(front, "/jmap/eventsource/?types=Thread,Mailbox&closeafter=no&ping=0")
    await listening(front)
    front.hub.announce({ACCOUNT: {"Email": 6}})
    front.hub.announce({ACCOUNT: {"Email": 7, "Mailbox": 7}})
    assert list((await reader.event())["data"]["changed"][ACCOUNT]) == ["Mailbox"]


@with_front(throttle=0)
async def test_rfc8620_7_3_what_was_missed_since_the_last_event_is_told_at_once(front: Front) -> None:
    reader = await Reader.begin(front)
    await listening(front)
    front.hub.announce({ACCOUNT: {"Email": 6}})
    event = await reader.event()
    reader.peer.transport.abortConnection()  # type: ignore[union-attr]  # it is connected
    front.pool.states = {ACCOUNT: {"Email": 6, "Mailbox": 8}}
    again = await Reader.begin(front, ALL, b"Last-Event-ID: " + event["id"].encode())
    assert list((await again.event())["data"]["changed"][ACCOUNT]) == ["Mailbox"]
    # an id that is none of ours: all of it is news
    third = await Reader.begin(front, ALL, b"Last-Event-ID: nonsense")
    assert set((await third.event())["data"]["changed"][ACCOUNT]) == {"Email", "Mailbox"}


@with_front(throttle=0)
async def test_rfc8620_7_3_closeafter_state_ends_the_response_after_one(front: Front) -> None:
    reader = await Reader.begin(front, "/jmap/eventsource/?types=*&closeafter=state&ping=0")
    await listening(front)
    front.hub.announce({ACCOUNT: {"Email": 6}})
    assert (await reader.event())["event"] == "state"
    assert await reader.chunk() == b""
    # the connection is good for more
    assert (await reader.peer.request("GET", "/")).status == 200


@pytest.mark.parametrize(("asked", "given"), [(60, 60), (30, 30), (300, 300), (1, MIN_PING), (999_999_999, MAX_PING)])
def test_rfc8620_7_3_pings_come_when_nothing_else_does_and_have_no_id(asked: int, given: int, tmp_path: Path) -> None:
    clock = Clock()

    @with_front(clock=clock, throttle=0)
    async def test(front: Front) -> None:
        reader = await Reader.begin(front, f"/jmap/eventsource/?types=*&closeafter=no&ping={asked}")
        await listening(front)
        for _ in range(2):
            clock.advance(given)
            assert await reader.event() == {"event": "ping", "data": {"interval": given}}
        clock.advance(given - 1)
        front.hub.announce({ACCOUNT: {"Email": 6}})
        assert (await reader.event())["event"] == "state"
        # the time begins with the event before
        clock.advance(given - 1)
        front.hub.announce({ACCOUNT: {"Email": 7}})
        assert (await reader.event())["event"] == "state"
        reader.peer.transport.abortConnection()  # type: ignore[union-attr]  # it is connected
        while is_listening(front):
            await turn()

    test(tmp_path)
    assert clock.getDelayedCalls() == []


def test_rfc8620_7_3_nobody_is_pinged_who_does_not_want_it(tmp_path: Path) -> None:
    clock = Clock()

    @with_front(clock=clock, throttle=0)
    async def test(front: Front) -> None:
        reader = await Reader.begin(front)
        await listening(front)
        clock.advance(10 * MAX_PING)
        front.hub.announce({ACCOUNT: {"Email": 6}})
        assert (await reader.event())["event"] == "state"

    test(tmp_path)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "types=*",
        "types=*&closeafter=no",
        "types=&closeafter=no&ping=0",
        "types=*&closeafter=yes&ping=0",
        "types=*&closeafter=no&ping=-1",
        "types=*&closeafter=no&ping=x",
        "types=*&closeafter=no&ping=9999999999",
    ],
)
def test_rfc8620_7_3_a_query_that_is_not_as_the_template_has_it_is_400(query: str, tmp_path: Path) -> None:
    @with_front()
    async def test(front: Front) -> None:
        peer = await front.connect()
        answer = await peer.request("GET", f"/jmap/eventsource/?{query}")
        assert answer.status == 400
        assert answer.problem["detail"]

    test(tmp_path)


@with_front(throttle=0)
async def test_a_stream_over_http2(front: Front) -> None:
    client = await connect(front)
    stream = client.ask("GET", "/jmap/eventsource/?types=*&closeafter=state&ping=0")
    await listening(front)
    front.hub.announce({ACCOUNT: {"Email": 6}})
    answer = await stream.response()
    assert answer.status == 200
    assert b"event: state\n" in answer.body


@with_front(throttle=0)
async def test_a_stream_ends_with_its_credential(front: Front) -> None:
    reader = await Reader.begin(front)
    await listening(front)
    front.pool.change(None)
    assert await reader.chunk() == b""
    assert not is_listening(front)


@with_front(throttle=0)
async def test_the_accounts_that_come_later_are_told_of(front: Front) -> None:
    reader = await Reader.begin(front)
    await listening(front)
    front.pool.states = {**front.pool.states, "shared": {"Email": 9}}
    for changed in front.pool.accesses_changed:
        changed(USER)
    assert list((await reader.event())["data"]["changed"]) == ["shared"]


@with_front(bounds=Bounds(max_sockets_per_user=2))
async def test_max_sockets_per_user_counts_streams_too(front: Front) -> None:
    first = await Reader.begin(front)
    socket = await front.connect()
    await socket.open()
    peer = await front.connect()
    refused = await peer.request("GET", ALL)
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")
    assert front.hits("max-sockets-per-user") == 1
    first.peer.transport.abortConnection()  # type: ignore[union-attr]  # it is connected
    while len(front.http.channels) > 1:
        await turn()
    await Reader.begin(front)


def test_a_client_that_does_not_read_is_left_after_a_while(tmp_path: Path) -> None:
    clock = Clock()

    @with_front(clock=clock, throttle=0)
    async def test(front: Front) -> None:
        reader = await Reader.begin(front)
        await listening(front)
        reader.peer.transport.pauseProducing()  # type: ignore[union-attr]  # it is connected
        modseq = 6
        while not clock.getDelayedCalls():
            for _ in range(1000):
                front.hub.announce({ACCOUNT: {"Email": modseq}})
                modseq += 1
            await turn()
        held = modseq
        clock.advance(STALL)
        while front.http.channels:
            await turn()
        assert not is_listening(front)
        assert held < 1_000_000

    test(tmp_path)


@with_front()
async def test_head_begins_no_stream(front: Front) -> None:
    peer = await front.connect()
    answer = await peer.request("HEAD", ALL)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    assert front.hub._accounts == {}
