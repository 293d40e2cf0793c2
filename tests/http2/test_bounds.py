"""The bounds of connections and of time over HTTP/2, each at the limit and above it (RFC 9113 section 10.5)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from twisted.internet import reactor
from twisted.internet.task import Clock

from jmapd.http2.connection import Connection
from jmapd.web.bounds import Bounds
from tests.http2.memory import PREFACE, SETTINGS, Wire, frame
from tests.http2.peer import AUTHORIZED, Client, StreamPeer, connect
from tests.web.fakes import ACCOUNT
from tests.web.front import Front, turn, with_front


class Prompt(Clock):
    """A Clock whose calls at once need nobody to advance it."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: object, **kw: object) -> Any:
        if delay:
            return super().callLater(delay, callable, *args, **kw)
        at_once: Any = reactor
        return at_once.callLater(0, callable, *args, **kw)


CALM = ErrorCodes.ENHANCE_YOUR_CALM
JSON = (b"content-type", b"application/json")
REQUEST = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/"), (b":authority", b"localhost")]


def clock(front: Front) -> Clock:
    found = front.http.site.reactor
    assert isinstance(found, Clock)
    return found


def served(front: Front) -> Connection:
    """The server's side of the one connection."""
    (found,) = front.http.channels
    assert isinstance(found, Connection)
    return found


async def sent(client: Client, *frames: Frame) -> None:
    """Send frames, whatever `h2` would think of them."""
    assert client.transport is not None
    client.transport.write(b"".join(one.serialize() for one in frames))


async def still_there(front: Front, client: Client) -> None:
    assert (await client.fetch("GET", "/")).status == 200


async def told(client: Client) -> None:
    """Wait for a GOAWAY."""
    await client.until(lambda: client.terminated is not None)


async def calmed(front: Front, client: Client, bound: str) -> None:
    """The client is told, and the connection ends."""
    await told(client)
    assert client.terminated == CALM
    assert front.hits(bound) == 1
    client.transport.loseConnection()  # type: ignore[union-attr]  # it is connected
    await client.closed()


@with_front(bounds=Bounds(max_streams=3))
async def test_rfc9113_5_1_2_streams_at_the_limit_and_one_more(front: Front) -> None:
    client = await connect(front)
    assert (await client.settings())[SettingCodes.MAX_CONCURRENT_STREAMS] == 3
    streams = [await client.websocket() for _ in range(3)]
    client.h2.remote_settings._settings[SettingCodes.MAX_CONCURRENT_STREAMS][0] = 100
    refused = client.ask("GET", "/")
    await refused.closed()
    assert refused.reset == ErrorCodes.REFUSED_STREAM
    assert front.hits("max-streams") == 1
    streams[0].cancel()
    await still_there(front, client)


@pytest.mark.parametrize("more", [0, 1])
def test_cve_2023_44487_resets_that_are_suffered(more: int, tmp_path: Path) -> None:
    @with_front(bounds=Bounds(max_resets=5), clock=Prompt())
    async def test(front: Front) -> None:
        client = await connect(front)
        for _ in range(5 + more):
            client.ask("POST", "/jmap/api/", JSON, end=False).cancel()
        await (calmed(front, client, "max-resets") if more else still_there(front, client))

    test(tmp_path)


@pytest.mark.parametrize("more", [0, 1])
def test_cve_2025_8671_resets_that_the_server_is_made_to_send(more: int, tmp_path: Path) -> None:
    @with_front(bounds=Bounds(max_resets=5), clock=Prompt())
    async def test(front: Front) -> None:
        client = await connect(front)
        streams = [client.ask("POST", f"/jmap/upload/{ACCOUNT}/", end=False) for _ in range(5 + more)]
        for stream in streams:
            await sent(client, WindowUpdateFrame(stream.id, window_increment=2**31 - 1))
        if more:
            await calmed(front, client, "max-resets")
            return
        for stream in streams:
            await stream.closed()
        assert {stream.reset for stream in streams} == {ErrorCodes.FLOW_CONTROL_ERROR}
        await still_there(front, client)

    test(tmp_path)


FLOODS: dict[str, list[Frame]] = {
    "max-pings": [PingFrame(0)],
    "max-settings": [SettingsFrame(0)],
    "max-bare-frames": [PriorityFrame(1, depends_on=3, stream_weight=1)],
}


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("bound", FLOODS)
def test_rfc9113_10_5_frames_at_the_limit_and_one_more(bound: str, more: int, tmp_path: Path) -> None:
    bounds = Bounds(max_pings=7, max_settings=7, max_bare_frames=7)

    @with_front(bounds=bounds, clock=Prompt())
    async def test(front: Front) -> None:
        client = await connect(front)
        # those that every client sends are counted too
        before = {"max-settings": 1, "max-bare-frames": 1}.get(bound, 0)
        for _ in range(7 - before + more):
            await sent(client, *FLOODS[bound])
        await (calmed(front, client, bound) if more else still_there(front, client))

    test(tmp_path)


@with_front(bounds=Bounds(max_pings=5), clock=Prompt())
async def test_what_was_used_up_comes_back_with_time(front: Front) -> None:
    client = await connect(front)
    for _ in range(5):
        await sent(client, PingFrame(0))
    await still_there(front, client)
    clock(front).advance(2)
    await sent(client, PingFrame(0))
    await still_there(front, client)
    await sent(client, PingFrame(0))
    await calmed(front, client, "max-pings")


BARE = {
    "empty data": lambda stream: DataFrame(stream.id),
    "windows of a stream": lambda stream: WindowUpdateFrame(stream.id, window_increment=1),
    "windows of the connection": lambda stream: WindowUpdateFrame(0, window_increment=1),
    "acknowledgements of settings": lambda stream: SettingsFrame(0, flags=["ACK"]),
    "padding": lambda stream: DataFrame(stream.id, flags=["PADDED"], pad_length=10),
}


@pytest.mark.parametrize("kind", BARE)
def test_rfc9113_10_5_each_frame_without_content_counts(kind: str, tmp_path: Path) -> None:
    @with_front(bounds=Bounds(max_bare_frames=50), clock=Prompt())
    async def test(front: Front) -> None:
        client = await connect(front)
        stream = client.ask("POST", f"/jmap/upload/{ACCOUNT}/", end=False)
        await sent(client, *(BARE[kind](stream) for _ in range(52)))
        await calmed(front, client, "max-bare-frames")

    test(tmp_path)


def late_frames(stream: StreamPeer) -> dict[str, Frame]:
    return {
        "data": DataFrame(stream.id, data=b"x"),
        "windows": WindowUpdateFrame(stream.id, window_increment=1),
        "headers": HeadersFrame(stream.id, data=b"\x82\x87\x84", flags=["END_HEADERS", "END_STREAM"]),
    }


@pytest.mark.parametrize("kind", ["data", "windows", "headers"])
def test_cve_2025_8671_frames_on_a_stream_that_is_over_count(kind: str, tmp_path: Path) -> None:
    @with_front(bounds=Bounds(max_bare_frames=50), clock=Prompt())
    async def test(front: Front) -> None:
        client = await connect(front)
        stream = client.ask("POST", f"/jmap/upload/{ACCOUNT}/", end=False)
        stream.cancel()
        await sent(client, *[late_frames(stream)[kind]] * 52)
        await calmed(front, client, "max-bare-frames")

    test(tmp_path)


@with_front(bounds=Bounds(max_bare_frames=20), clock=Prompt())
async def test_content_that_goes_either_way_allows_for_more_frames(front: Front) -> None:
    client = await connect(front)
    data = bytes(100_000)
    made = await client.fetch("POST", f"/jmap/upload/{ACCOUNT}/", data)
    for _ in range(10):
        # the client opens its windows as it reads
        assert (await client.fetch("GET", f"/jmap/download/{ACCOUNT}/B1/name")).body == data
    assert made.status == 201
    assert front.hits("max-bare-frames") == 0


@with_front()
async def test_rfc6585_5_header_fields_at_the_limit_and_one_more(front: Front) -> None:
    client = await connect(front)
    for more, status in ((0, 200), (1, 431)):
        fields = [*REQUEST, *((b"x-%d" % number, b"x") for number in range(96 + more))]
        assert len(fields) == 100 + more
        assert (await client.begin(fields, end=True).response()).status == status
    assert front.hits("max-header-fields") == 1
    await still_there(front, client)


@with_front()
async def test_rfc6585_5_header_octets_at_the_limit_and_one_more(front: Front) -> None:
    client = await connect(front)
    for more, status in ((0, 200), (1, 431)):
        left = 16 * 1024 - sum(len(name) + len(value) + 32 for name, value in REQUEST) - 33
        fields = [*REQUEST, (b"x", b"x" * (left + more))]
        assert (await client.begin(fields, end=True).response()).status == status
    assert front.hits("max-header-size") == 1
    await still_there(front, client)


@with_front()
async def test_a_fields_name_at_the_limit_and_one_more(front: Front) -> None:
    client = await connect(front)
    for more, status in ((0, 200), (1, 431)):
        fields = [*REQUEST, (b"x" * (256 + more), b"")]
        assert (await client.begin(fields, end=True).response()).status == status
    assert front.hits("max-header-size") == 1


@pytest.mark.parametrize("more", [0, 1])
def test_rfc9113_10_5_1_a_compressed_header_at_the_limit_and_one_more(more: int, tmp_path: Path) -> None:
    @with_front()
    async def test(front: Front) -> None:
        client = await connect(front)
        # changes of the table's size are none of the header, but must be read
        block = b"\x20" * (32 * 1024 - 15 + more) + b"\x3f\xe1\x1f" + b"\x82\x87\x84" + b"\x41\x07" + b"example"
        assert len(block) == 32 * 1024 + more
        pieces = [block[at : at + 16_000] for at in range(0, len(block), 16_000)]
        frames = [ContinuationFrame(1, data=piece) for piece in pieces[1:]]
        frames[-1].flags.add("END_HEADERS")
        await sent(client, HeadersFrame(1, data=pieces[0], flags=["END_STREAM"]), *frames)
        if more:
            await calmed(front, client, "max-header-size")
            return
        while not served(front).traffic.messages_out:
            await turn()
        assert front.hits("max-header-size") == 0

    test(tmp_path)


@with_front()
async def test_rfc9110_15_5_15_a_target_at_the_limit_and_one_more(front: Front) -> None:
    client = await connect(front)
    for more, status in ((0, 404), (1, 414)):
        target = "/" + "x" * (8 * 1024 - 1 + more)
        assert (await client.fetch("GET", target)).status == status
    assert front.hits("max-request-line") == 1
    await still_there(front, client)


@with_front()
async def test_rfc9113_4_2_a_frame_at_the_limit_and_one_more(front: Front) -> None:
    for more, error in ((0, None), (1, ErrorCodes.FRAME_SIZE_ERROR)):
        client = await connect(front)
        assert client.transport is not None
        # no octet of it need come
        client.transport.write(struct.pack("!I", 16 * 1024 + more)[1:] + b"\xee\0\0\0\0\0")
        if error is None:
            client.transport.write(bytes(16 * 1024))
            await still_there(front, client)
        else:
            await told(client)
            assert client.terminated == error


@with_front(clock=Prompt())
async def test_a_client_that_never_asks_is_told_goodbye(front: Front) -> None:
    client = await connect(front)
    clock(front).advance(9.9)
    await still_open(client)
    clock(front).advance(0.1)
    await told(client)
    assert (client.terminated, front.hits("header-timeout")) == (0, 1)


async def still_open(client: Client) -> None:
    await turn(0.05)
    assert not client.lost
    assert client.terminated is None


@with_front(clock=Prompt())
async def test_between_requests_it_may_be_idle(front: Front) -> None:
    client = await connect(front)
    await still_there(front, client)
    clock(front).advance(119.9)
    await still_there(front, client)
    clock(front).advance(119.9)
    await still_open(client)
    clock(front).advance(0.1)
    await told(client)
    assert (client.terminated, front.hits("idle-timeout"), front.hits("header-timeout")) == (0, 1, 0)
    # a client that does not leave is left
    clock(front).advance(5)
    await client.closed()


@with_front(clock=Prompt())
async def test_what_still_comes_does_not_put_off_the_end(front: Front) -> None:
    client = await connect(front)
    connection = served(front)
    clock(front).advance(10)
    for _ in range(4):
        before = connection.traffic.bytes_in
        await sent(client, PingFrame(0))
        while connection.traffic.bytes_in == before and not client.lost:
            await turn()
        clock(front).advance(1.2)
    clock(front).advance(0.2)
    await client.closed()
    while front.http.channels:
        await turn()


@with_front(clock=Prompt())
async def test_an_open_socket_is_not_idle(front: Front) -> None:
    client = await connect(front)
    await client.websocket()
    clock(front).advance(10_000)
    await still_open(client)


def advance(front: Front, seconds: int) -> None:
    """By steps, as time goes: what looks at requests does so every few seconds."""
    for _ in range(seconds):
        clock(front).advance(1)


@with_front(clock=Prompt())
async def test_rfc9110_15_5_9_a_body_below_the_least_rate_gets_408(front: Front) -> None:
    client = await connect(front)
    slow, fast = (client.ask("POST", f"/jmap/upload/{ACCOUNT}/", end=False) for _ in range(2))
    for stream, size in ((slow, 61_439), (fast, 61_440)):
        stream.send(b" " * size)
    connection = served(front)
    while connection.traffic.bytes_in < 122_879:
        await turn()
    while len(connection.requests) < 2 or not all(one.principal for one in connection.requests):
        await turn()
    advance(front, 59)
    await still_open(client)
    assert (slow.status, front.hits("body-timeout")) == (0, 0)
    advance(front, 6)
    assert (await slow.response()).status == 408
    assert front.hits("body-timeout") == 1
    fast.send(b"", end=True)
    assert (await fast.response()).status == 201


@with_front(clock=Prompt())
async def test_an_answer_that_is_not_read_has_its_time(front: Front) -> None:
    client = await connect(front)
    client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
    client.flush()
    stream = client.ask("GET", "/")
    assert await stream.answered() == 200
    advance(front, 119)
    await still_open(client)
    assert stream.reset is None
    advance(front, 7)
    await stream.closed()
    assert stream.reset == ErrorCodes.CANCEL
    assert front.hits("idle-timeout") == 1


@with_front()
async def test_what_waits_in_all_streams_is_bounded_beside_the_largest_answer(front: Front) -> None:
    client = await connect(front)
    client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
    client.flush()
    front.pool.echoing = False
    for _ in range(3):
        client.ask("POST", "/jmap/api/", JSON, end=False).send(b"{}", end=True)
    while len(front.pool.asked) < 3:
        await turn()
    large = bytes(40 * 1024 * 1024)
    front.pool.answer(front.pool.asked[0], large)
    front.pool.answer(front.pool.asked[1], large)
    await still_open(client)
    assert served(front).unsent == 2 * len(large)
    front.pool.answer(front.pool.asked[2], large)
    await told(client)
    assert client.terminated == CALM


@with_front()
async def test_settings_that_mean_nothing_are_not_kept_and_tables_are_not_grown(front: Front) -> None:
    client = await connect(front)
    await still_there(front, client)
    kept = len(served(front)._h2.remote_settings)
    # what it says of its table it must stand by
    client.h2.decoder.max_allowed_table_size = 2**32 - 1
    await sent(client, SettingsFrame(0, settings=dict.fromkeys(range(100, 250), 1) | {1: 2**32 - 1}))
    await still_there(front, client)
    h2 = served(front)._h2
    assert len(h2.remote_settings) <= kept + 1
    assert h2.encoder.header_table_size == 4096


@with_front(bounds=Bounds(max_connections_per_address=1))
async def test_rfc6585_4_and_rfc9113_6_8_connections_of_an_address(front: Front) -> None:
    client = await connect(front)
    await still_there(front, client)
    other = await connect(front)
    await other.until(lambda: other.terminated is not None)
    assert other.terminated == CALM
    assert front.hits("max-connections-per-address") == 1
    await still_there(front, client)


@with_front(bounds=Bounds(max_sockets_per_user=2))
async def test_rfc6585_4_sockets_of_a_user_at_the_limit_and_one_more(front: Front) -> None:
    client = await connect(front)
    sockets = [await client.websocket() for _ in range(2)]
    refused = await client.connect_websocket().response()
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")
    assert front.hits("max-sockets-per-user") == 1
    sockets[0].cancel()
    while len(front.sockets.connections) > 1:
        await turn()
    await client.websocket()


@with_front()
async def test_a_name_that_is_no_token_and_a_method_that_is_none_are_400(front: Front) -> None:
    client = await connect(front)
    client.h2.config.validate_outbound_headers = False
    for fields in (
        [*REQUEST, (b"a(b", b"x")],
        [(b":method", b"G T"), *REQUEST[1:]],
        [REQUEST[0], (b":scheme", b"ftp"), *REQUEST[2:]],
        [*REQUEST[:2], (b":path", b"no path"), REQUEST[3]],
    ):
        assert (await client.begin([*fields, *AUTHORIZED], end=True).response()).status == 400
    await still_there(front, client)


def test_rfc7541_4_2_at_most_two_changes_of_the_tables_size_are_told() -> None:
    wire = Wire()
    wire.give(PREFACE + frame(SETTINGS, 0, 0))
    for size in (0, 65_536):
        wire.give(frame(SETTINGS, 0, 0, struct.pack("!HI", SettingCodes.HEADER_TABLE_SIZE, size)))
    assert wire.connection._h2.encoder.table_size_changes == [0, 4096]
    wire.lose()
