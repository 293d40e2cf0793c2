"""Uploads that nothing refers to: bounded for each user, and seen by their uploader alone (RFC 8620 section 6)."""

import time
from pathlib import Path
from typing import Any

import attrs

from jmapd.protocol.limits import UploadBounds
from jmapd.store import accounts, uploads
from jmapd.workers.answers import Answer
from jmapd.workers.transfer import Transfer
from tests.engine import Engine, engine

MESSAGE = b"Subject: s\r\n\r\n"


def readable(jmap: Engine, blob: str) -> bool:
    answer = jmap.perform("blob_open", user=jmap.user, account=jmap.account, blob=blob)
    return "refused" not in answer.arguments


def bounded(jmap: Engine, bounds: UploadBounds) -> None:
    transfer = Transfer(jmap.store, bounds)
    table = {**jmap.writer.tasks.table, "upload_record": transfer.upload_record}
    jmap.writer.tasks = attrs.evolve(jmap.writer.tasks, table=table)


def test_rfc8620_6_the_oldest_uploads_give_way_by_number(jmap: Engine) -> None:
    bounded(jmap, UploadBounds(files=3))
    blobs = [jmap.upload(b"%d" % n) for n in range(3)]
    assert all(readable(jmap, blob) for blob in blobs)
    blobs.append(jmap.upload(b"one more"))
    assert [readable(jmap, blob) for blob in blobs] == [False, True, True, True]


def test_rfc8620_6_the_oldest_uploads_give_way_by_size(jmap: Engine) -> None:
    bounded(jmap, UploadBounds(size=1000))
    blobs = [jmap.upload(bytes([n]) * 500) for n in range(2)]
    assert all(readable(jmap, blob) for blob in blobs)
    blobs.append(jmap.upload(b"x"))
    assert [readable(jmap, blob) for blob in blobs] == [False, True, True]


def test_rfc8620_6_what_is_referred_to_no_longer_counts(jmap: Engine) -> None:
    bounded(jmap, UploadBounds(files=1))
    jmap.import_message(MESSAGE + b"first")
    first = jmap.call("Email/get", ids=None)["list"][0]["blobId"]
    jmap.upload(b"other")
    assert readable(jmap, first)


def test_rfc8620_6_1_uploading_again_begins_the_time_anew(jmap: Engine) -> None:
    bounded(jmap, UploadBounds(files=2))
    first, second = jmap.upload(b"first"), jmap.upload(b"second")
    assert jmap.upload(b"first") == first
    jmap.store.database.connection.execute(
        "UPDATE uploads SET uploaded_at = uploaded_at + 1 WHERE blob IN (SELECT hash FROM blobs WHERE data = ?)",
        (b"first",),
    )
    jmap.upload(b"third")
    assert [readable(jmap, blob) for blob in (first, second)] == [True, False]


def test_rfc8620_6_an_upload_has_its_time(jmap: Engine) -> None:
    first = jmap.upload(b"first")
    blob, now = jmap.store.blobs.write_file(b"x"), int(time.time() * 1000)
    for seconds, there in ((3000, True), (4000, False)):
        uploads.keep(
            jmap.store.database,
            UploadBounds(ttl=3600),
            account=1,
            user=1,
            blob=blob,
            size=1,
            now=now + seconds * 1000,
            prepared=None,
        )
        assert readable(jmap, first) is there


def test_rfc8620_6_1_an_upload_is_seen_by_its_uploader_alone(jmap: Engine) -> None:
    blob = jmap.upload(b"mine")
    jmap.add_user("ben@localhost")
    accounts.share(jmap.store.database, 1, 2, read_only=False)
    jmap.user = 2
    assert not readable(jmap, blob)


def parts(answer: Answer) -> tuple[int, bytes]:
    return answer.arguments["size"], answer.body


def test_rfc8620_6_2_a_part_is_downloaded_decoded(tmp_path: Path) -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--b--\r\n"
    )
    with engine(tmp_path) as jmap:
        jmap.import_message(raw)
        (email,) = jmap.call("Email/get", ids=None)["list"]
        (attachment,) = email["attachments"]
        about: dict[str, Any] = {"user": 1, "account": jmap.account}
        assert parts(jmap.perform("blob_open", **about, blob=attachment["blobId"])) == (4, b"\x89PNG")
        assert parts(jmap.perform("blob_open", **about, blob=email["blobId"])) == (len(raw), raw)
        for wrong in (attachment["blobId"] + "0", "B" + "A" * 43, "x", attachment["blobId"][:44] + "i0-ffffff-5"):
            assert jmap.perform("blob_open", **about, blob=wrong).arguments["refused"] == "notFound"
