"""Damaged and hostile mail, from its import to all that can be asked of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jmapd.datatypes.email.properties import PROPERTIES
from jmapd.message.headers import FORMS, form_allowed
from jmapd.store.blobs import Piece
from tests.engine import Engine, engine
from tests.message.hostile import CORPUS, of_the_standard_library

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
    piece = Piece.of_id(email["blobId"])
    assert piece is not None
    # byte for byte as it came
    assert jmap.store.blobs.read(jmap.store.database, piece.hash) == raw
    for value in email["bodyValues"].values():
        assert len(value["value"].encode()) <= 1001
        assert "\ufffd" not in value["value"][-1:] or value["isEncodingProblem"]
    for part in leaves(email["bodyStructure"])[:20]:
        opened = jmap.perform("blob_open", user=1, account=jmap.account, blob=part["blobId"])
        assert opened.arguments["size"] == part["size"]
    parsed = jmap.call("Email/parse", blobIds=[email["blobId"]], **options)["parsed"][email["blobId"]]
    assert parsed["bodyStructure" if "bodyStructure" in parsed else "preview"] is not None
    snippets = jmap.call("SearchSnippet/get", emailIds=[id], filter={"text": "walrus"})
    assert [one["emailId"] for one in snippets["list"]] == [id]
    found = jmap.call("Email/query", filter={"text": "walrus"})["ids"]
    assert (id in found) == ("walrus" in " ".join(all_words(jmap, id)))
    jmap.call("Email/set", destroy=[id])


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
def test_it_is_stored_and_answers_all_that_is_asked(jmap: Engine, name: str) -> None:
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
