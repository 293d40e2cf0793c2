"""The WebSocket handshake (RFC 6455 section 4, RFC 8887 section 4.2) on a real port."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.testing import StringTransport

from jmapd.web.bounds import Bounds
from jmapd.web.channel import Channel
from jmapd.web.handshake import Handshake, check
from jmapd.web.problem import Refusal
from jmapd.web.request import Request
from tests.web.fakes import NAME
from tests.web.front import Front, turn, with_front
from tests.web.peer import KEY, TEXT, frame, upgrade


@pytest.mark.parametrize("path", ["/jmap/ws", "/jmap/ws/", "/"])
@pytest.mark.parametrize("tls", [False, True])
def test_rfc8887_4_2_jmap_is_negotiated(path: str, tls: bool, tmp_path: Path) -> None:
    @with_front()
    async def test(front: Front) -> None:
        peer = await front.connect(tls=tls)
        answer = await peer.open(path)
        assert answer["sec-websocket-protocol"] == "jmap"
        assert answer["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert answer["upgrade"].lower() == "websocket"
        peer.say({"@type": "Request"})
        assert (await peer.message())["@type"] == "Response"

    test(tmp_path)


@with_front()
async def test_rfc8887_4_2_another_protocol_is_refused_with_words(front: Front) -> None:
    for offer in (b"", b"Sec-WebSocket-Protocol: mqtt, JMAP"):
        peer = await front.connect()
        peer.send(upgrade("/jmap/ws", *filter(None, [offer]), but=b"Sec-WebSocket-Protocol"))
        refused = await peer.response()
        assert refused.status == 400
        assert "Sec-WebSocket-Protocol: jmap" in refused.problem["detail"]


@with_front()
async def test_jmap_may_be_one_of_several_offers(front: Front) -> None:
    for offers in (
        (b"Sec-WebSocket-Protocol: mqtt, jmap",),
        (b"Sec-WebSocket-Protocol: mqtt", b"Sec-WebSocket-Protocol: jmap"),
    ):
        peer = await front.connect()
        peer.send(upgrade("/jmap/ws", *offers, but=b"Sec-WebSocket-Protocol"))
        status, headers = await peer.head()
        assert (status, headers["sec-websocket-protocol"]) == (101, "jmap")


@with_front()
async def test_rfc8887_4_1_who_is_unknown_is_challenged(front: Front) -> None:
    wrong = b"Authorization: Basic " + b64encode(f"{NAME}:wrong".encode())
    for authorization in (b"", wrong):
        peer = await front.connect()
        peer.send(upgrade(authorization=authorization))
        refused = await peer.response()
        assert refused.status == 401
        assert refused.headers["www-authenticate"].startswith("Basic")
    assert not front.sockets.connections


@with_front()
async def test_rfc6455_4_2_1_values_are_compared_without_case_and_as_lists(front: Front) -> None:
    fields = [
        (b"Upgrade: WebSocket", b"Connection: keep-alive, Upgrade"),
        (b"upgrade: WEBSOCKET, h2c", b"CONNECTION: upgrade,close"),
        (b"Upgrade:websocket", b"Connection: keep-alive", b"Connection: UPGRADE"),
    ]
    for lines in fields:
        peer = await front.connect()
        rest = upgrade().replace(b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"\r\n".join((*lines, b"")))
        peer.send(rest)
        assert (await peer.head())[0] == 101, lines


@with_front()
async def test_rfc6455_4_4_another_version_is_told_ours(front: Front) -> None:
    field = b"Sec-WebSocket-Version: "
    for versions in ((), (field + b"8",), (field + b"25",), (field + b"13, 8",), (field + b"13", field + b"8"),
                     (field + b"013",)):  # fmt: skip
        peer = await front.connect()
        peer.send(upgrade("/jmap/ws", *versions, but=b"Sec-WebSocket-Version"))
        refused = await peer.response()
        assert (refused.status, refused.headers["sec-websocket-version"]) == (426, "13")
        assert refused.headers["upgrade"] == "websocket"


@with_front()
async def test_rfc9110_15_5_22_a_plain_get_must_upgrade(front: Front) -> None:
    peer = await front.connect()
    for _ in range(2):
        refused = await peer.request("GET", "/jmap/ws")
        assert (refused.status, refused.headers["sec-websocket-version"]) == (426, "13")
        assert refused.headers["upgrade"] == "websocket"
        assert "upgrade" in refused.headers["connection"].lower()


@with_front()
async def test_rfc6455_4_2_1_a_key_that_is_none_is_refused(front: Front) -> None:
    other = b"Sec-WebSocket-Key: " + b64encode(b"another sixteen!")
    for lines, but in (
        ((), b"Sec-WebSocket-Key"),
        ((b"Sec-WebSocket-Key: short",), b"Sec-WebSocket-Key"),
        ((b"Sec-WebSocket-Key: " + KEY + b"AAAA",), b"Sec-WebSocket-Key"),
        ((other,), b""),
    ):
        peer = await front.connect()
        peer.send(upgrade("/jmap/ws", *lines, but=but))
        assert (await peer.response()).status == 400


@with_front()
async def test_rfc6455_4_2_1_and_rfc9112_3_2_there_must_be_one_host(front: Front) -> None:
    for more, but in (((), b"Host"), ((b"Host: localhost",), b""), ((b"Host:",), b"Host")):
        peer = await front.connect()
        peer.send(upgrade("/jmap/ws", *more, but=but))
        assert (await peer.response()).status == 400
    peer = await front.connect()
    peer.send(b"GET / HTTP/1.1\r\n\r\n")
    assert (await peer.response()).status == 400


@with_front()
async def test_rfc6455_4_2_1_a_handshake_is_a_get_of_http_1_1(front: Front) -> None:
    for was, now, status in (
        (b"HTTP/1.1", b"HTTP/1.0", 426),
        (b"GET ", b"PUT ", 405),
        (b"GET /jmap/ws", b"GET https://mail.example/jmap/ws", 101),
    ):
        peer = await front.connect()
        peer.send(upgrade().replace(was, now, 1))
        assert (await peer.head())[0] == status


@with_front()
async def test_rfc6455_4_2_1_upgrade_and_connection_must_be_there(front: Front) -> None:
    for more, but in (
        ((), b"Upgrade"),
        ((), b"Connection"),
        ((b"Upgrade: h2c",), b"Upgrade"),
        ((b"Connection: keep-alive",), b"Connection"),
    ):
        peer = await front.connect()
        peer.send(upgrade("/jmap/ws", *more, but=but))
        refused = await peer.response()
        assert (refused.status, refused.headers["upgrade"]) == (426, "websocket")
        assert refused.headers["sec-websocket-version"] == "13"


@with_front()
async def test_rfc6455_4_1_offered_subprotocols_are_different_tokens(front: Front) -> None:
    for offer in (b"jmap, jmap", b"jmap, a b", b"jmap, (x)", b"jmap/1", b""):
        peer = await front.connect()
        peer.send(upgrade("/jmap/ws", b"Sec-WebSocket-Protocol: " + offer, but=b"Sec-WebSocket-Protocol"))
        assert (await peer.response()).status == 400, offer


@with_front()
async def test_rfc6455_4_2_2_only_what_was_offered_is_chosen(front: Front) -> None:
    peer = await front.connect()
    headers = await peer.open("/jmap/ws", b"Sec-WebSocket-Extensions: x-nothing; a=1, x-other", b"X-Unknown: 1")
    assert "sec-websocket-extensions" not in headers
    assert (headers["sec-websocket-protocol"], headers["connection"].lower()) == ("jmap", "upgrade")


@with_front()
async def test_bytes_that_come_early_are_not_lost(front: Front) -> None:
    message = frame(TEXT, b'{"@type":"Request"}')
    # the first password is checked in a thread, the second one is known
    for _ in range(2):
        for tls in (False, True):
            peer = await front.connect(tls=tls)
            peer.send(upgrade() + message)
            assert (await peer.head())[0] == 101
            assert (await peer.message())["echo"] == 19
            peer.send(message * 3)
            for _ in range(3):
                assert (await peer.message())["echo"] == 19


@with_front()
async def test_bytes_that_come_while_the_password_is_checked_are_not_lost(front: Front) -> None:
    front.pool.hold("credentials")
    peer = await front.connect()
    peer.send(upgrade())
    await turn(0.05)
    peer.send(frame(TEXT, b" " * 90_000))
    await turn(0.05)
    front.pool.let_go("credentials")
    assert (await peer.head())[0] == 101
    assert (await peer.message())["echo"] == 90_000


@with_front(bounds=Bounds(idle_timeout=0.3))
async def test_the_timeout_of_http_does_not_reach_a_websocket(front: Front) -> None:
    peer = await front.connect()
    assert (await peer.request("GET", "/")).status == 200
    await peer.open()
    await turn(0.7)
    peer.say({"@type": "Request"})
    assert (await peer.message())["@type"] == "Response"
    assert not front.http.channels


@with_front()
async def test_a_handshake_behind_another_request(front: Front) -> None:
    peer = await front.connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + upgrade())
    assert (await peer.response()).status == 200
    assert (await peer.head())[0] == 101


@with_front()
async def test_a_post_to_the_websocket_is_the_wrong_method(front: Front) -> None:
    peer = await front.connect()
    assert (await peer.request("POST", "/jmap/ws")).status == 405


def streamed(front: Front, path: str, protocol: bytes | None, **fields: str) -> Request:
    """A request as HTTP/2 makes one: no Upgrade, no Connection, no key."""
    channel = Channel()
    channel.transport = StringTransport()
    tree = front.http._requests._site
    request = Request(cast("Any", channel), tree)
    request.begin(b"GET" if protocol is None else b"CONNECT", path.encode(), b"HTTP/2")
    request.protocol = protocol
    for name, value in fields.items():
        request.requestHeaders.setRawHeaders(name.replace("_", "-"), [value])
    return request


OFFER = {"sec_websocket_protocol": "jmap", "sec_websocket_version": "13"}


@with_front()
async def test_rfc8441_4_an_extended_connect_is_a_handshake(front: Front) -> None:
    for path in ("/jmap/ws", "/", "/.well-known/jmap"):
        request = streamed(front, path, b"websocket", **OFFER)
        assert isinstance(request.site.resource(request), Handshake)
        check(request)
    for path, protocol, status in (
        ("/jmap/api/", b"websocket", 405),
        ("/nothing", b"websocket", 404),
        ("/jmap/ws", b"other", 405),
    ):
        request = streamed(front, path, protocol, **OFFER)
        with pytest.raises(Refusal) as refused:
            request.site.resource(request)
        assert refused.value.status == status


@with_front()
async def test_rfc8441_5_what_is_wrong_is_400_without_an_upgrade(front: Front) -> None:
    for protocol, fields in (
        (None, {}),
        (b"websocket", {}),
        (b"websocket", {**OFFER, "sec_websocket_version": "8"}),
        (b"websocket", {**OFFER, "sec_websocket_protocol": "mqtt"}),
    ):
        with pytest.raises(Refusal) as refused:
            check(streamed(front, "/jmap/ws", protocol, **fields))
        assert refused.value.status == 400
        assert b"Upgrade" not in refused.value.headers


@with_front()
async def test_rfc6455_10_2_a_foreign_page_has_no_stream_either(front: Front) -> None:
    request = streamed(front, "/jmap/ws", b"websocket", **OFFER, origin="https://evil.example")
    with pytest.raises(Refusal) as refused:
        request.site.resource(request)
    assert refused.value.status == 403
