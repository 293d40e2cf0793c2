"""RFC 9404 (Blob/upload, Blob/get, Blob/lookup) and Blob/copy of RFC 8620 section 6.3."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmapd.datatypes.blob.capability import MAX_DATA_SOURCES
from jmapd.protocol.capabilities import BLOB, CORE, MAIL
from jmapd.protocol.limits import Limits
from tests.caller import Caller
from tests.engine import Engine, engine

USING = [CORE, MAIL, BLOB]
MESSAGE = (
    b"From: a@b\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n"
    b"--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC/w==\r\n--x--\r\n"
)


@pytest.fixture
def bounded(tmp_path: Path) -> Iterator[Engine]:
    with engine(tmp_path, Limits(max_size_upload=300_000)) as made:
        yield made


def call(jmap: Caller, name: str, using: list[str] | None = None, **arguments: Any) -> dict[str, Any]:
    whole = {"accountId": jmap.account, **arguments}
    said = jmap.request((name, whole, "0"), using=USING if using is None else using)
    answer: dict[str, Any] = said["methodResponses"][0][1]
    return answer


def make(jmap: Caller, *data: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Blob/upload of one; what became of it."""
    said = call(jmap, "Blob/upload", create={"k": {"data": list(data), **more}})
    found: dict[str, Any] = {**(said["created"] or {}), **(said["notCreated"] or {})}["k"]
    return found


def get(jmap: Caller, id: str, *properties: str, **arguments: Any) -> dict[str, Any]:
    (found,) = call(jmap, "Blob/get", ids=[id], properties=list(properties) or None, **arguments)["list"]
    answer: dict[str, Any] = found
    return answer


def octets(jmap: Caller, id: str) -> bytes:
    return base64.b64decode(get(jmap, id, "data:asBase64")["data:asBase64"])


def test_rfc9404_3_1_the_capability_says_what_holds(bounded: Engine) -> None:
    answer = bounded.perform("session", user=1, name="anna", url="https://localhost")
    said = orjson.loads(answer.body)
    assert said["capabilities"][BLOB] == {}
    assert said["accounts"][bounded.account]["accountCapabilities"][BLOB] == {
        "maxSizeBlobSet": 300_000,
        "maxDataSources": 64,
        "supportedTypeNames": ["Mailbox", "Thread", "Email"],
        "supportedDigestAlgorithms": ["sha-256", "sha-512", "sha"],
    }


def test_rfc9404_4_1_a_blob_is_made_of_its_sources_in_order(jmap: Caller) -> None:
    made = make(jmap, {"data:asText": "äb"}, {"data:asBase64": "Y2Q="}, type="text/plain")
    assert made == {"id": made["id"], "blobId": made["id"], "type": "text/plain", "size": 5}
    again = make(jmap, {"blobId": made["id"], "offset": 2, "length": 2}, {"blobId": made["id"], "offset": 4})
    assert octets(jmap, again["id"]) == b"bcd"
    assert make(jmap)["size"] == 0


def test_rfc9404_4_1_creations_of_the_call_are_made_in_the_order_of_their_need(jmap: Caller) -> None:
    create = {
        "c": {"data": [{"blobId": "#b"}, {"blobId": "#a"}]},
        "b": {"data": [{"blobId": "#a"}, {"data:asText": "2"}]},
        "a": {"data": [{"data:asText": "1"}]},
        "x": {"data": [{"blobId": "#y"}]},
        "y": {"data": [{"blobId": "#x"}]},
    }
    said = call(jmap, "Blob/upload", create=create)
    assert octets(jmap, said["created"]["c"]["id"]) == b"121"
    assert {name: one["type"] for name, one in said["notCreated"].items()} == {"x": "blobNotFound", "y": "blobNotFound"}


def test_rfc9404_4_1_creation_ids_name_blobs_in_later_calls(jmap: Caller) -> None:
    account = {"accountId": jmap.account}
    email = {"blobId": "#k", "mailboxIds": {jmap.mailboxes["Inbox"]: True}}
    text = MESSAGE.decode("latin-1")
    said = jmap.request(
        ("Blob/upload", {**account, "create": {"k": {"data": [{"data:asText": text}]}}}, "0"),
        ("Blob/get", {**account, "ids": ["#k"]}, "1"),
        ("Email/import", {**account, "emails": {"e": email}}, "2"),
        using=USING,
    )["methodResponses"]
    assert said[1][1]["list"][0]["data:asText"].encode("latin-1")[:4] == b"From"
    assert said[2][1]["created"]["e"]


@pytest.mark.parametrize(
    ("source", "type"),
    [
        ({}, "invalidProperties"),
        ({"data:asText": None}, "invalidProperties"),
        ({"data:asText": 1}, "invalidProperties"),
        ({"data:asText": "a", "data:asBase64": "YQ=="}, "invalidProperties"),
        ({"data:asText": "a", "offset": 0}, "invalidProperties"),
        ({"data:asBase64": "YQ"}, "invalidProperties"),
        ({"data:asBase64": "YQ==\n"}, "invalidProperties"),
        ({"data:asBase64": "_w=="}, "invalidProperties"),
        ({"blobId": "nothing"}, "blobNotFound"),
        ({"blobId": "#nothing"}, "blobNotFound"),
        ({"blobId": 1}, "blobNotFound"),
        ({"blobId": "THERE", "offset": 4}, "invalidProperties"),
        ({"blobId": "THERE", "offset": 1, "length": 3}, "invalidProperties"),
        ({"blobId": "THERE", "offset": -1}, "invalidProperties"),
        ({"blobId": "THERE", "offset": "1"}, "invalidProperties"),
        ({"blobId": "THERE", "other": 1}, "invalidProperties"),
    ],
)
def test_rfc9404_4_1_a_wrong_source_refuses_its_creation(jmap: Caller, source: dict[str, Any], type: str) -> None:
    there = make(jmap, {"data:asText": "abc"})["id"]
    refused = make(jmap, {name: there if value == "THERE" else value for name, value in source.items()})
    assert refused["type"] == type
    if type == "blobNotFound":
        assert refused["notFound"] == [source["blobId"]]
    else:
        assert refused["properties"] == ["data"]


def test_bounds_of_sources_and_size_at_the_limit_and_one_above(bounded: Engine) -> None:
    one = {"data:asText": "a"}
    assert make(bounded, *[one] * MAX_DATA_SOURCES)["size"] == MAX_DATA_SOURCES
    assert make(bounded, *[one] * (MAX_DATA_SOURCES + 1))["type"] == "invalidProperties"
    half = make(bounded, {"data:asText": "x" * 150_000})["id"]
    whole = make(bounded, {"blobId": half}, {"blobId": half})
    assert whole["size"] == 300_000
    assert octets(bounded, whole["id"]) == b"x" * 300_000
    assert make(bounded, {"blobId": half}, {"blobId": half}, one)["type"] == "tooLarge"
    many: dict[str, Any] = {str(number): {"data": []} for number in range(501)}
    assert call(bounded, "Blob/upload", create=many)["type"] == "requestTooLarge"
    extra: list[dict[str, Any]] = [{"update": {}}, {"create": None, "destroy": []}]
    for wrong in extra:
        assert call(bounded, "Blob/upload", **wrong)["type"] == "invalidArguments"


@pytest.mark.parametrize("size", [10, 100_000])
def test_what_one_call_uploads_the_next_one_attaches(jmap: Caller, size: int) -> None:
    account = {"accountId": jmap.account}
    email = {
        "mailboxIds": {jmap.mailboxes["Drafts"]: True},
        "attachments": [{"blobId": "#k", "type": "text/plain", "name": "a.txt"}],
    }
    said = jmap.request(
        ("Blob/upload", {**account, "create": {"k": {"data": [{"data:asText": "x" * size}]}}}, "0"),
        ("Email/set", {**account, "create": {"e": email}}, "1"),
        ("Email/parse", {**account, "blobIds": ["#k"]}, "2"),
        using=USING,
    )["methodResponses"]
    (shown,) = jmap.call("Email/get", ids=[said[1][1]["created"]["e"]["id"]], properties=["attachments"])["list"]
    assert octets(jmap, shown["attachments"][0]["blobId"]) == b"x" * size
    assert said[2][1]["notFound"] is None


def test_parts_of_messages_are_sources_as_they_are_when_decoded(jmap: Caller) -> None:
    email = jmap.import_message(MESSAGE)
    (shown,) = jmap.call("Email/get", ids=[email], properties=["attachments"])["list"]
    part = shown["attachments"][0]["blobId"]
    assert octets(jmap, part) == b"\0\1\2\xff"
    assert octets(jmap, make(jmap, {"blobId": part, "offset": 1, "length": 2})["id"]) == b"\1\2"


def test_rfc9404_4_2_what_is_asked_and_what_is_given(jmap: Caller) -> None:
    text, other = make(jmap, {"data:asText": "häh"})["id"], make(jmap, {"data:asBase64": "/wA="})["id"]
    assert get(jmap, text) == {"id": text, "data:asText": "häh", "size": 4}
    assert get(jmap, other) == {"id": other, "data:asBase64": "/wA=", "isEncodingProblem": True, "size": 2}
    assert get(jmap, other, "data:asText") == {"id": other, "data:asText": None, "isEncodingProblem": True}
    assert get(jmap, other, "data:asBase64") == {"id": other, "data:asBase64": "/wA="}
    assert get(jmap, text, "size") == {"id": text, "size": 4}
    # a character cut in two
    assert get(jmap, text, "data", offset=0, length=2)["isEncodingProblem"] is True
    noncharacter = make(jmap, {"data:asBase64": base64.b64encode("\uffff".encode()).decode()})["id"]
    assert get(jmap, noncharacter, "data:asText")["data:asText"] is None
    assert call(jmap, "Blob/get", ids=[text, "nothing"])["notFound"] == ["nothing"]
    for wrong in ({"ids": None}, {"ids": [text], "properties": ["digest:md5"]}, {"ids": [text], "offset": -1}):
        assert call(jmap, "Blob/get", **wrong)["type"] == "invalidArguments"


@given(st.binary(max_size=20), st.integers(0, 25), st.none() | st.integers(0, 25))
@settings(max_examples=60, deadline=None)
def test_rfc9404_4_2_ranges(data: bytes, offset: int, length: int | None) -> None:
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder)) as jmap:
        id = make(jmap, {"data:asBase64": base64.b64encode(data).decode()})["id"]
        names = ("data:asBase64", "digest:sha-256", "digest:sha", "digest:sha-512", "size")
        found = get(jmap, id, *names, offset=offset, length=length)
        taken = data[offset:] if length is None else data[offset : offset + length]
        assert base64.b64decode(found["data:asBase64"]) == taken
        assert base64.b64decode(found["digest:sha-256"]) == hashlib.sha256(taken).digest()
        assert base64.b64decode(found["digest:sha"]) == hashlib.sha1(taken, usedforsecurity=False).digest()
        assert found["size"] == len(data)
        past = offset > len(data) or (length is not None and offset + length > len(data))
        assert found.get("isTruncated", False) == past


def test_rfc9404_4_3_what_refers_to_a_blob(jmap: Caller) -> None:
    email = jmap.import_message(MESSAGE)
    (shown,) = jmap.call("Email/get", ids=[email])["list"]
    part, unused = shown["attachments"][0]["blobId"], make(jmap, {"data:asText": "unused"})["id"]
    said = call(
        jmap, "Blob/lookup", typeNames=["Mailbox", "Thread", "Email"], ids=[shown["blobId"], part, unused, "nothing"]
    )
    matched = {"Mailbox": list(shown["mailboxIds"]), "Thread": [shown["threadId"]], "Email": [email]}
    assert said["list"] == [
        {"id": shown["blobId"], "matchedIds": matched},
        {"id": part, "matchedIds": matched},
        {"id": unused, "matchedIds": {"Mailbox": [], "Thread": [], "Email": []}},
    ]
    assert said["notFound"] == ["nothing"]
    # octets of the message that are no part of it
    inside = f"{shown['blobId']}i0-4-4"
    (found,) = call(jmap, "Blob/lookup", typeNames=["Email"], ids=[inside])["list"]
    assert found["matchedIds"] == {"Email": []}
    for using, names in ((USING, ["Identity"]), (USING, ["Nothing"]), ([CORE, BLOB], ["Email"])):
        assert call(jmap, "Blob/lookup", using, typeNames=names, ids=[])["type"] == "unknownDataType"


def test_rfc8620_6_3_blobs_are_copied_between_accounts(jmap: Caller) -> None:
    ben = jmap.another("ben")
    blob = jmap.upload(b"anna's")
    email = jmap.import_message(MESSAGE)
    (shown,) = jmap.call("Email/get", ids=[email], properties=["attachments"])["list"]
    part = shown["attachments"][0]["blobId"]
    jmap.administer("account_share", name=jmap.address, other=ben.address, read_only=True)
    accounts: dict[str, Any] = {"fromAccountId": jmap.account, "accountId": ben.account}
    # another's upload is not there for Ben, and the parts of an Email are
    said = call(ben, "Blob/copy", blobIds=[part, blob, "nothing"], **accounts)
    assert said["copied"] == {part: part}
    assert {id: one["type"] for id, one in said["notCopied"].items()} == {blob: "notFound", "nothing": "notFound"}
    assert ben.download(part) == b"\0\1\2\xff"
    for wrong, type in (
        ({"fromAccountId": "a99999"}, "fromAccountNotFound"),
        ({"accountId": "a99999"}, "accountNotFound"),
        ({"accountId": jmap.account, "fromAccountId": ben.account}, "accountReadOnly"),
        ({"fromAccountId": ben.account}, "invalidArguments"),
    ):
        assert call(ben, "Blob/copy", **{**accounts, "blobIds": [part], **wrong})["type"] == type
    assert call(ben, "Blob/copy", [MAIL], blobIds=[], **accounts)["type"] == "unknownMethod"


def test_a_read_only_credential_makes_no_blobs(bounded: Engine) -> None:
    bounded.read_only = True
    assert call(bounded, "Blob/upload", create={})["type"] == "accountReadOnly"
