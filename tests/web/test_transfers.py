"""Uploads and downloads: streamed, bounded, with the right header."""

from __future__ import annotations

import orjson
from twisted.internet.defer import Deferred

from jmapd.web.download import disposition
from tests.web.fakes import ACCOUNT
from tests.web.front import Front, turn, with_front
from tests.web.peer import AUTHORIZATION

UPLOAD = f"/jmap/upload/{ACCOUNT}/"
TYPE = b"Content-Type: text/plain; charset=utf-8"


@with_front()
async def test_rfc8620_6_1_an_upload(front: Front) -> None:
    peer = await front.connect()
    made = await peer.request("POST", UPLOAD, b"data", TYPE)
    assert made.status == 201
    said = {"accountId": ACCOUNT, "blobId": "B1", "type": "text/plain; charset=utf-8", "size": 4}
    assert orjson.loads(made.body) == said


@with_front()
async def test_a_large_upload_arrives_whole(front: Front) -> None:
    peer = await front.connect(tls=True)
    data = bytes(range(256)) * 1100
    assert (await peer.request("POST", UPLOAD, data, TYPE)).status == 201
    assert front.pool.blobs["B1"] == data


@with_front()
async def test_the_socket_is_paused_between_writes(front: Front) -> None:
    front.pool.hold("upload_append")
    peer = await front.connect()
    peer.send(
        b"\r\n".join(
            (
                b"POST " + UPLOAD.encode() + b" HTTP/1.1",
                b"Host: localhost",
                AUTHORIZATION,
                b"Content-Length: 290000",
                b"",
                b"",
            )
        )
    )
    for _ in range(29):
        peer.send(b" " * 10_000)
        await turn(0.002)
    await turn(0.05)
    (channel,) = front.http.channels
    # the piece that is being written is waited for, and next to nothing was taken after it
    assert sum(map(len, channel.requests[0]._pending)) <= 65_536
    assert [name for name, _ in front.pool.performed].count("upload_append") == 1
    front.pool.let_go("upload_append")
    assert (await peer.response()).status == 201
    assert len(front.pool.blobs["B1"]) == 290_000


@with_front()
async def test_rfc8620_6_1_max_size_upload(front: Front) -> None:
    peer = await front.connect()
    assert (await peer.request("POST", UPLOAD, b"x" * 300_000, TYPE)).status == 201
    refused = await peer.request("POST", UPLOAD, b"x" * 300_001, TYPE)
    assert (refused.status, refused.problem["limit"]) == (413, "maxSizeUpload")


@with_front()
async def test_a_chunked_upload_too_large_leaves_nothing(front: Front) -> None:
    peer = await front.connect()
    head = b"\r\n".join((b"POST " + UPLOAD.encode() + b" HTTP/1.1", b"Host: localhost", AUTHORIZATION, TYPE))
    peer.send(head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 5)
    assert (await peer.response()).problem["limit"] == "maxSizeUpload"
    await turn()
    assert front.pool.uploads == {}


@with_front()
async def test_rfc8620_6_1_max_concurrent_upload(front: Front) -> None:
    front.pool.hold("upload_finish")
    peers = [await front.connect() for _ in range(3)]
    for peer in peers[:2]:
        peer.send(
            b"\r\n".join(
                (b"POST " + UPLOAD.encode() + b" HTTP/1.1", b"Host: x", AUTHORIZATION, b"Content-Length: 1", b"", b"x")
            )
        )
    while len(front.pool.held["upload_finish"]) < 2:
        await turn()
    refused = await peers[2].request("POST", UPLOAD, b"x", TYPE)
    assert (refused.status, refused.problem["limit"]) == (400, "maxConcurrentUpload")
    front.pool.let_go("upload_finish")
    assert (await peers[0].response()).status == 201
    again = await front.connect()
    assert (await again.request("POST", UPLOAD, b"x", TYPE)).status == 201


@with_front()
async def test_an_upload_whose_client_leaves_is_dropped(front: Front) -> None:
    peer = await front.connect()
    peer.send(
        b"\r\n".join(
            (b"POST " + UPLOAD.encode() + b" HTTP/1.1", b"Host: x", AUTHORIZATION, b"Content-Length: 200000", b"", b"")
        )
    )
    peer.send(b"x" * 100_000)
    while not front.pool.uploads:
        await turn()
    peer.transport.abortConnection()  # type: ignore[union-attr]  # it is connected
    while front.pool.uploads:
        await turn()
    # its place is free again
    for _ in range(3):
        other = await front.connect()
        assert (await other.request("POST", UPLOAD, b"x", TYPE)).status == 201


@with_front()
async def test_an_account_that_is_not_the_users(front: Front) -> None:
    peer = await front.connect()
    assert (await peer.request("POST", "/jmap/upload/other/", b"x", TYPE)).status == 404
    front.pool.blobs["B1"] = b"x"
    assert (await peer.request("GET", "/jmap/download/other/B1/n")).status == 404


@with_front()
async def test_rfc8620_6_2_a_download(front: Front) -> None:
    front.pool.blobs["B1"] = bytes(range(256)) * 4000
    peer = await front.connect(tls=True)
    got = await peer.request("GET", f"/jmap/download/{ACCOUNT}/B1/K%C3%A4se%22.html?type=text/html;%20charset=utf-8")
    assert got.status == 200
    assert got.body == front.pool.blobs["B1"]
    assert got.headers["content-type"] == "text/html; charset=utf-8"
    assert (
        got.headers["content-disposition"] == "attachment; filename=\"K_se_.html\"; filename*=utf-8''K%C3%A4se%22.html"
    )
    assert got.headers["cache-control"] == "private, immutable, max-age=31536000"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"] == "sandbox"


@with_front()
async def test_head_of_a_download(front: Front) -> None:
    front.pool.blobs["B1"] = b"x" * 1000
    peer = await front.connect()
    head = await peer.request("HEAD", f"/jmap/download/{ACCOUNT}/B1/n?type=a/b")
    assert (head.status, head.headers["content-length"]) == (200, "1000")
    assert (await peer.request("GET", "/jmap/session")).status == 200


@with_front()
async def test_rfc9110_13_1_2_what_the_client_has_is_not_sent_again(front: Front) -> None:
    front.pool.blobs["B1"] = b"data"
    peer = await front.connect()
    got = await peer.request("GET", f"/jmap/download/{ACCOUNT}/B1/n?type=a/b")
    tag = got.headers["etag"].encode()
    for known in (tag, b'"other", W/' + tag):
        again = await peer.request("GET", f"/jmap/download/{ACCOUNT}/B1/n?type=a/b", b"", b"If-None-Match: " + known)
        assert (again.status, again.headers.get("content-length")) == (304, None)
    assert (await peer.request("GET", f"/jmap/download/{ACCOUNT}/B1/n?type=a/b")).status == 200


@with_front()
async def test_a_type_cannot_add_header_fields(front: Front) -> None:
    front.pool.blobs["B1"] = b"data"
    peer = await front.connect()
    for type in ("a/b%0d%0aX-Evil:%201", "nonsense", "a/b;%00"):
        assert (await peer.request("GET", f"/jmap/download/{ACCOUNT}/B1/n?type={type}")).status == 400


def test_rfc6266_a_name_cannot_leave_its_quotes() -> None:
    for name in ('a"; filename=evil', "a\r\nX: y", "a\\", "\x00"):
        field = disposition(name)
        assert field.count(b'"') == 2
        assert not {b"\r", b"\n", b"\\"} & {field[at : at + 1] for at in range(len(field))}


@with_front()
async def test_a_client_that_does_not_read_is_waited_for(front: Front) -> None:
    front.pool.blobs["B1"] = b"x" * 30_000_000
    peer = await front.connect()
    path = f"/jmap/download/{ACCOUNT}/B1/n?type=a/b"
    peer.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n".encode() + AUTHORIZATION + b"\r\n\r\n")
    await peer.until(lambda: len(peer.received) > 1000)
    peer.transport.pauseProducing()  # type: ignore[union-attr]  # it is connected
    quiet: Deferred[None] = turn(0.2)
    await quiet
    read = [name for name, _ in front.pool.performed].count("blob_read")
    await turn(0.2)
    assert [name for name, _ in front.pool.performed].count("blob_read") == read
    peer.transport.resumeProducing()  # type: ignore[union-attr]  # it is connected
    assert len((await peer.response()).body) == 30_000_000
