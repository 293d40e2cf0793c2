"""Damaged and hostile mail, from its import to all that can be asked of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jmapd.datatypes.email.properties import PROPERTIES
from jmapd.message.headers import FORMS, form_allowed
from jmapd.message.transfer import decode
from jmapd.protocol import ijson
from jmapd.store.blobs import Piece
from tests.engine import Engine, engine
from tests.message.hostile import CORPUS, HEAD, TEXT, encoded, multipart, nested, of_the_standard_library

MESSAGES = {name: make for name, make in CORPUS.items() if name not in ("NULs alone", "nothing", "white space")}
LIBRARY = dict(of_the_standard_library())

HEADERS = [
    f"header:{field}:{form}{every}"
    for field in ("Subject", "From", "To", "Date", "References", "Received", "List-Unsubscribe", "X", "X-Long")
    for form in FORMS
    if form_allowed(field, form)
    for every in ("", ":all")
]
BODY = ["partId", "blobId", "size", "headers", "name", "type", "charset", "disposition", "cid", "language", "location"]


@pytest.fixture(scope="module")
def jmap() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder)) as made:
        yield made


def check(jmap: Engine, raw: bytes) -> None:
    """Import a message, ask all there is to be asked of it, and destroy it."""
    id = jmap.import_message(raw)
    options = {"fetchAllBodyValues": True, "maxBodyValueBytes": 1001, "bodyProperties": [*BODY, "subParts"]}
    email = one(jmap, id, properties=[*PROPERTIES, *HEADERS], **options)
    assert email["size"] == len(raw)
    ijson.loads(jmap.last.body if jmap.last else b"")
    # byte for byte as it came
    assert downloaded(jmap, email["blobId"]) == raw
    for value in email["bodyValues"].values():
        assert len(value["value"].encode()) <= 1001
        assert "\ufffd" not in value["value"][-1:] or value["isEncodingProblem"]
    for part in leaves(email["bodyStructure"])[:20]:
        piece = Piece.of_id(part["blobId"])
        assert piece is not None
        assert piece.length is not None
        whole = decode(raw[piece.offset : piece.offset + piece.length], piece.encoding)
        assert downloaded(jmap, part["blobId"]) == whole
        assert part["size"] == len(whole)
    parsed = jmap.call("Email/parse", blobIds=[email["blobId"]], **options)["parsed"][email["blobId"]]
    assert parsed["bodyStructure" if "bodyStructure" in parsed else "preview"] is not None
    snippets = jmap.call("SearchSnippet/get", emailIds=[id], filter={"text": "walrus"})
    assert [one["emailId"] for one in snippets["list"]] == [id]
    found = jmap.call("Email/query", filter={"text": "walrus"})["ids"]
    assert (id in found) == ("walrus" in " ".join(all_words(jmap, id)))
    jmap.call("Email/set", destroy=[id])


def downloaded(jmap: Engine, blob: str) -> bytes:
    """A blob as a client gets it, piece by piece."""
    answer = jmap.perform("blob_open", user=1, account=jmap.account, blob=blob)
    place, data = dict(answer.arguments), answer.body
    while place["length"]:
        answer = jmap.perform("blob_read", **place)
        place |= answer.arguments
        data += answer.body
    assert len(data) == place["size"]
    return data


def one(jmap: Engine, id: str, **arguments: Any) -> dict[str, Any]:
    (found,) = jmap.call("Email/get", ids=[id], **arguments)["list"]
    email: dict[str, Any] = found
    return email


def leaves(part: dict[str, Any]) -> list[dict[str, Any]]:
    if part["subParts"]:
        return [leaf for one in part["subParts"] for leaf in leaves(one)]
    return [part] if part["partId"] else []


def all_words(jmap: Engine, id: str) -> list[str]:
    """What a search looks at, as a snippet of the word would mark it."""
    (snippet,) = jmap.call("SearchSnippet/get", emailIds=[id], filter={"text": "walrus"})["list"]
    return [value for value in (snippet["subject"], snippet["preview"]) if value and "<mark>walrus</mark>" in value]


@pytest.mark.parametrize("name", MESSAGES)
def test_rfc8620_1_5_it_is_stored_and_answers_all_that_is_asked(jmap: Engine, name: str) -> None:
    check(jmap, MESSAGES[name]())


@pytest.mark.parametrize("name", LIBRARY)
def test_messages_of_the_standard_librarys_own_tests(jmap: Engine, name: str) -> None:
    check(jmap, LIBRARY[name])


@pytest.mark.parametrize("name", ["NULs alone", "nothing", "white space"])
def test_rfc8621_4_8_what_is_no_message_is_refused(jmap: Engine, name: str) -> None:
    blob = jmap.upload(CORPUS[name]())
    email = {"blobId": blob, "mailboxIds": {jmap.mailboxes["Inbox"]: True}}
    assert jmap.call("Email/import", emails={"k": email})["notCreated"]["k"]["type"] == "invalidEmail"
    assert jmap.call("Email/parse", blobIds=[blob])["notParsable"] == [blob]


def deep(levels: int) -> dict[str, Any]:
    part: dict[str, Any] = {"partId": "1", "type": "text/plain"}
    for _ in range(levels):
        part = {"type": "multipart/mixed", "subParts": [part]}
    return part


@pytest.mark.parametrize(
    "email",
    [
        {"subject": "a\r\nBcc: x@y\r\n\r\nbody"},
        {"header:X-A:asRaw": " a\r\nX-B: c"},
        {"header:X-A\r\nX-B": " a"},
        {"from": [{"name": "a\r\nX-B: c", "email": "a@b"}]},
        {"from": [{"email": "a@b>\r\nX-B: c"}]},
        {"messageId": ["a@b>\r\nX-B: c"]},
        {"subject": "x" * 1_000_000},
        {"to": [{"email": f"a{number}@b.example"} for number in range(10_000)]},
        {"bodyStructure": deep(20), "bodyValues": {"1": {"value": "x"}}},
        {"bodyStructure": deep(40), "bodyValues": {"1": {"value": "x"}}},
        {"attachments": [{"partId": "1", "type": "text/plain"}] * 5000, "bodyValues": {"1": {"value": "x"}}},
        {"textBody": [{"partId": "1", "type": "text/plain\r\nX-B: c"}], "bodyValues": {"1": {"value": "x"}}},
        {"attachments": [{"partId": "1", "name": 'a"\r\nX-B: c', "type": "a/b"}], "bodyValues": {"1": {"value": "x"}}},
        {"attachments": [{"partId": "1", "cid": "a>\r\nX-B: c", "type": "a/b"}], "bodyValues": {"1": {"value": "x"}}},
        {"keywords": {f"k{number}": True for number in range(5000)}},
    ],
    ids=range(15),
)
def test_hostile_properties_make_no_header_fields_and_are_refused_or_kept(jmap: Engine, email: dict[str, Any]) -> None:
    create = {"k": {"mailboxIds": {jmap.mailboxes["Drafts"]: True}, **email}}
    said = jmap.call("Email/set", create=create)
    if said["created"] is None:
        assert said["notCreated"]["k"]["type"] in ("invalidProperties", "tooLarge")
        return
    id = said["created"]["k"]["id"]
    made = one(jmap, id, properties=["headers", "bcc", "header:X-B"])
    assert made["header:X-B"] is None
    assert made["bcc"] is None
    jmap.call("Email/set", destroy=[id])


@pytest.mark.parametrize(
    ("encoding", "problem"),
    [
        (b"x-uuencode", True),
        (b"8bit", False),
        (b" Binary ", False),
        (b"base64 ; x", False),
        (b"", False),
        (b"7-bit", True),
    ],
)
def test_rfc8621_4_1_4_an_unknown_transfer_encoding_is_an_encoding_problem(
    jmap: Engine, encoding: bytes, problem: bool
) -> None:
    for raw in (encoded(encoding, b"aGVsbG8="), HEAD + multipart(b"x", encoded(encoding, b"aGVsbG8="))):
        id = jmap.import_message(raw)
        (value,) = one(jmap, id, properties=["bodyValues"], fetchAllBodyValues=True)["bodyValues"].values()
        assert value["isEncodingProblem"] is problem
        jmap.call("Email/set", destroy=[id])


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "shift_jis", "gb18030", "iso-2022-jp"])
def test_rfc8621_4_2_truncation_never_splits_a_character_of_any_charset(jmap: Engine, charset: str) -> None:
    text = "会議é🦭"[: 5 if charset in ("utf-8", "utf-16", "gb18030") else 2] * 3
    id = jmap.import_message(encoded(b"8bit", text.encode(charset), charset.encode()))
    for most in range(1, len(text.encode()) + 1):
        asked = {"properties": ["bodyValues"], "fetchAllBodyValues": True, "maxBodyValueBytes": most}
        (value,) = one(jmap, id, **asked)["bodyValues"].values()
        assert text.startswith(value["value"])
        assert most - 4 < len(value["value"].encode()) <= most
        assert value["isTruncated"] is (most < len(text.encode()))
    jmap.call("Email/set", destroy=[id])


def test_rfc8620_1_5_the_deepest_email_is_i_json_in_every_response(jmap: Engine) -> None:
    raw = nested(1000)
    id = jmap.import_message(raw)
    parts = [*BODY, "subParts", "header:From:asGroupedAddresses:all"]
    email = one(jmap, id, properties=["bodyStructure", "blobId"], bodyProperties=parts)
    assert jmap.last is not None
    ijson.loads(jmap.last.body)
    jmap.call("Email/parse", blobIds=[email["blobId"]], properties=["bodyStructure"], bodyProperties=parts)
    ijson.loads(jmap.last.body)
    jmap.call("Email/set", destroy=[id])


def attachments(number: int, **properties: Any) -> dict[str, Any]:
    return {"attachments": [{"type": "text/plain", **properties}] * number}


def created(jmap: Engine, **email: Any) -> tuple[Any, Any]:
    said = jmap.call("Email/set", create={"k": {"mailboxIds": {jmap.mailboxes["Drafts"]: True}, **email}})
    return (said["created"] or {}).get("k"), (said["notCreated"] or {}).get("k")


def test_rfc8621_4_6_no_part_of_a_new_email_is_lost(jmap: Engine) -> None:
    """All parts are there, or the Email is refused."""
    values = {"1": {"value": "x"}}
    made, _ = created(jmap, bodyValues=values, **attachments(998, partId="1"))
    assert len(one(jmap, made["id"], properties=["attachments", "textBody"])["textBody"]) == 998
    jmap.call("Email/set", destroy=[made["id"]])
    for number in (1001, 10_000):
        _, refused = created(jmap, bodyValues=values, **attachments(number, partId="1"))
        assert (refused["type"], refused["properties"]) == ("invalidProperties", ["attachments"])


def test_rfc8621_4_6_a_deep_structure_and_many_sub_parts_are_refused(jmap: Engine) -> None:
    wide = {"type": "multipart/mixed", "subParts": [{"partId": "1"}] * 10_000}
    for structure in (deep(21), deep(40), wide):
        _, refused = created(jmap, bodyStructure=structure, bodyValues={"1": {"value": "x"}})
        assert (refused["type"], refused["properties"]) == ("invalidProperties", ["bodyStructure"])


def test_what_is_attached_many_times_counts_as_often(jmap: Engine) -> None:
    blob = jmap.upload(b"x" * 100_000)
    _, refused = created(jmap, **attachments(900, blobId=blob))
    assert refused["type"] == "tooLarge"
    _, refused = created(jmap, bodyValues={"1": {"value": "x" * 100_000}}, **attachments(900, partId="1"))
    assert refused["type"] == "tooLarge"


@given(
    st.lists(
        st.sampled_from([HEAD, TEXT, multipart(b"x", TEXT, TEXT), multipart(b"y", TEXT, closed=False), b"\0", b"--x\n"])
        | st.binary(max_size=8),
        min_size=1,
        max_size=12,
    ).map(b"".join)
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rfc8620_1_5_any_message_is_stored_and_answers_all_that_is_asked(jmap: Engine, body: bytes) -> None:
    check(jmap, HEAD + body)
