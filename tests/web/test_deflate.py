"""permessage-deflate (RFC 7692): its negotiation, its bounds, and messages both ways."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import orjson
import pytest
from autobahn.exception import PayloadCorruptError, PayloadExceededError
from hypothesis import given
from hypothesis import strategies as st

from jmapd.web.deflate import Agreement, Compression, Deflate, NotExtensions, agree, offers
from tests.http2.peer import connect
from tests.web.front import Front, turn, with_front
from tests.web.peer import CLOSE, TEXT, Peer, frame, upgrade

TAIL = b"\x00\x00\xff\xff"
COMPRESSION = Compression()


def agreed(*values: bytes, compression: Compression = COMPRESSION) -> str | None:
    found = agree(offers(values), compression)
    return None if found is None else str(found)


BOTH = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (b"permessage-deflate", BOTH),
        (b"permessage-deflate; client_max_window_bits", f"{BOTH}; client_max_window_bits=15"),
        (b"permessage-deflate; client_max_window_bits=10", f"{BOTH}; client_max_window_bits=10"),
        (b'permessage-deflate; server_max_window_bits="10"', f"{BOTH}; server_max_window_bits=10"),
        (b"x-webkit-deflate-frame, permessage-deflate", BOTH),
        (b"foo; bar=1, ,permessage-deflate ; server_max_window_bits = 9", f"{BOTH}; server_max_window_bits=9"),
        (b"x-other", None),
    ],
)
def test_rfc7692_7_1_each_parameter_is_answered(offer: bytes, answer: str | None) -> None:
    assert agreed(offer) == answer


@pytest.mark.parametrize(
    "wrong",
    [
        b"server_max_window_bits",
        b"server_max_window_bits=7",
        b"server_max_window_bits=16",
        b"server_max_window_bits=010",
        b"client_max_window_bits=x",
        b"server_no_context_takeover=1",
        b"client_no_context_takeover; client_no_context_takeover",
        b"made_up",
    ],
)
def test_rfc7692_7_1_an_offer_with_a_wrong_parameter_is_declined_and_the_next_one_taken(wrong: bytes) -> None:
    assert agreed(b"permessage-deflate; " + wrong) is None
    assert agreed(b"permessage-deflate; " + wrong + b", permessage-deflate") == BOTH


def test_a_window_that_zlib_cannot_deflate_with_is_declined() -> None:
    assert agreed(b"permessage-deflate; server_max_window_bits=8") is None
    assert agreed(b"permessage-deflate; client_max_window_bits=8") == f"{BOTH}; client_max_window_bits=8"


def test_rfc7692_7_1_1_with_takeover_only_what_the_client_asks_for_is_without() -> None:
    kept = Compression(takeover=True, window_bits=12)
    assert agreed(b"permessage-deflate", compression=kept) == "permessage-deflate; server_max_window_bits=12"
    asked = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
    assert agreed(asked, compression=kept) == f"{BOTH}; server_max_window_bits=12; client_max_window_bits=12"


@pytest.mark.parametrize("value", [b"permessage-deflate;", b"a b", b'a; b="', b'a; b=" "', b";", b"a=b", b"a; =b"])
def test_rfc6455_9_1_what_is_no_list_of_extensions_is_an_error(value: bytes) -> None:
    with pytest.raises(NotExtensions):
        offers([value])


@given(st.binary(max_size=200))
def test_any_field_is_read_or_refused(value: bytes) -> None:
    try:
        assert isinstance(offers([value]), list)
    except NotExtensions:
        return


AGREEMENTS = st.builds(
    Agreement,
    server_no_context_takeover=st.booleans(),
    client_no_context_takeover=st.booleans(),
    server_max_window_bits=st.integers(9, 15),
    client_max_window_bits=st.integers(9, 15),
    told=st.just(frozenset()),
)


def deflated(*pieces: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join((*map(packer.compress, pieces), packer.flush(zlib.Z_SYNC_FLUSH))).removesuffix(TAIL)


def inflate(deflate: Deflate, *pieces: bytes) -> bytes:
    deflate.start_decompress_message()
    inflated = b"".join(map(deflate.decompress_message_data, pieces))
    deflate.end_decompress_message()
    return inflated


@given(AGREEMENTS, st.lists(st.binary(max_size=2000).map(lambda data: data * 5), max_size=6))
def test_rfc7692_7_2_what_is_sent_is_what_comes(agreement: Agreement, messages: list[bytes]) -> None:
    sender = Deflate(agreement, 1, 10**6)
    reader: Any = None
    for message in messages:
        sender.start_compress_message()
        sent = sender.compress_message_data(message) + sender.end_compress_message()
        if reader is None or agreement.server_no_context_takeover:
            reader = zlib.decompressobj(-agreement.server_max_window_bits)
        assert reader.decompress(sent + TAIL) == message


@given(st.lists(st.binary(max_size=500), max_size=5), st.integers(1, 50))
def test_a_message_may_come_in_pieces_of_any_size(pieces: list[bytes], size: int) -> None:
    deflate = Deflate(Agreement(True, True, 15, 15, frozenset()), 1, 10**6)
    data = deflated(*pieces)
    cut = [data[at : at + size] for at in range(0, len(data), size)]
    assert inflate(deflate, *cut) == b"".join(pieces)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("f248cdc9c90700", b"Hello"),
        ("f3 48 cd c9 c9 07 00 00", b"Hello"),
        ("00 05 00 fa ff 48 65 6c 6c 6f 00", b"Hello"),
        ("f2 48 05 00 00 00 ff ff ca c9 c9 07 00", b"Hello"),
        ("00", b""),
    ],
)
def test_rfc7692_7_2_3_its_own_examples(data: str, text: bytes) -> None:
    deflate = Deflate(Agreement(False, False, 15, 15, frozenset()), 1, 100)
    assert inflate(deflate, bytes.fromhex(data)) == text


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 102, 100_000])
@pytest.mark.parametrize("pieces", [1, 1000])
def test_the_size_of_a_message_at_its_limit_and_above(size: int, pieces: int) -> None:
    deflate = Deflate(Agreement(True, True, 15, 15, frozenset()), 1, 100)
    data = deflated(bytes(size))
    step = max(1, len(data) // pieces)
    cut = [data[at : at + step] for at in range(0, len(data), step)]
    if size <= 100:
        assert inflate(deflate, *cut) == bytes(size)
    else:
        with pytest.raises(PayloadExceededError):
            inflate(deflate, *cut)


def test_the_rest_of_a_message_that_is_too_large_is_too_much_as_well() -> None:
    deflate = Deflate(Agreement(True, True, 15, 15, frozenset()), 1, 100)
    deflate.start_decompress_message()
    for piece in (deflated(bytes(1000)), b"\xff" * 50):
        with pytest.raises(PayloadExceededError):
            deflate.decompress_message_data(piece)


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x07", b"\x03\x00" * 200])
def test_what_cannot_be_inflated_is_corrupt(data: bytes) -> None:
    with pytest.raises(PayloadCorruptError):
        inflate(Deflate(Agreement(True, True, 15, 15, frozenset()), 1, 100), data)


DEFLATE = b"permessage-deflate"
ON = {"compression": COMPRESSION}


def compressed_frame(payload: bytes) -> bytes:
    whole = bytearray(frame(TEXT, payload))
    whole[0] |= 0x40
    return bytes(whole)


async def opened(front: Front, http: str) -> Peer:
    if http == "http2":
        client = await connect(front)
        stream = await client.websocket("/jmap/ws", (b"sec-websocket-extensions", DEFLATE))
        assert stream.headers["sec-websocket-extensions"] == BOTH
        return stream
    peer = await front.connect()
    headers = await peer.open("/jmap/ws", b"Sec-WebSocket-Extensions: " + DEFLATE)
    assert headers["sec-websocket-extensions"] == BOTH
    return peer


HTTP = pytest.mark.parametrize("http", ["http1", "http2"])


@HTTP
def test_a_large_answer_is_compressed_and_a_small_one_is_not(http: str, tmp_path: Any) -> None:
    @with_front(**ON)
    async def test(front: Front) -> None:
        peer = await opened(front, http)
        front.pool.echoing = False
        for size, bit in ((1023, 0), (1024, 0x40), (1024 * 1024, 0x40), (1024 * 1024 + 1, 0)):
            peer.send(compressed_frame(deflated(b"a Request")))
            while len(front.pool.asked) < 1:
                await turn()
            asked = front.pool.asked.pop()
            assert asked.request == b"a Request"
            front.pool.answer(asked, b"x" * size)
            await peer.until(lambda: len(peer.received) > 1)
            assert peer.received[0] & 0x40 == bit
            _, payload = await peer.next_frame()
            if bit:
                payload = zlib.decompressobj(-15).decompress(payload + TAIL)
            assert payload == b"x" * size

    test(tmp_path)


@HTTP
@pytest.mark.parametrize("more", [0, 1, 2, 10_000_000])
def test_an_inflated_message_at_the_limit_and_above(http: str, more: int, tmp_path: Any) -> None:
    @with_front(**ON)
    async def test(front: Front) -> None:
        peer = await opened(front, http)
        peer.send(compressed_frame(deflated(b" " * (100_000 + more))))
        answer = await peer.message()
        if not more:
            assert answer["echo"] == 100_000
            return
        assert (answer["type"], answer["limit"]) == ("urn:ietf:params:jmap:error:limit", "maxSizeRequest")
        opcode, payload = await peer.next_frame()
        assert (opcode, struct.unpack("!H", payload[:2])) == (CLOSE, (1009,))
        assert front.hits("request.max-size") == 1

    test(tmp_path)


@with_front(**ON)
async def test_rfc7692_7_2_2_what_cannot_be_inflated_closes_with_1007(front: Front) -> None:
    peer = await opened(front, "http1")
    peer.send(compressed_frame(b"\xff\xff\xff"))
    assert await peer.close_code() == 1007


@with_front()
async def test_rfc7692_6_a_compressed_message_without_an_agreement_closes_with_1002(front: Front) -> None:
    peer = await front.connect()
    headers = await peer.open("/jmap/ws", b"Sec-WebSocket-Extensions: " + DEFLATE)
    assert "sec-websocket-extensions" not in headers
    peer.send(compressed_frame(deflated(b"x")))
    assert await peer.close_code() == 1002


@with_front(**ON)
async def test_rfc6455_9_1_a_broken_field_is_400(front: Front) -> None:
    peer = await front.connect()
    peer.send(upgrade("/jmap/ws", b"Sec-WebSocket-Extensions: permessage-deflate;"))
    assert (await peer.response()).status == 400


@with_front(**ON)
async def test_a_deflated_request_is_a_request(front: Front) -> None:
    peer = await opened(front, "http1")
    text = orjson.dumps({"@type": "Request", "id": "r1", "using": [], "methodCalls": []})
    peer.send(compressed_frame(deflated(text)))
    assert (await peer.message())["echo"] == len(text)
