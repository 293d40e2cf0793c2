"""Email/set's create: RFC 8621 section 4.6."""

import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.message.body import body_value
from jmapd.message.compose import blob_ids, compose
from jmapd.message.parse import parse
from jmapd.message.prepare import prepare
from jmapd.protocol.errors import SetError

BLOBS = {"blob1": b"\x89PNG" + bytes(range(256)) * 20, "mail": b"Subject: inner\r\n\r\nx\r\n"}


class Boundaries:
    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> str:
        self.number += 1
        return f"boundary{self.number}"


def written(email: dict[str, Any]) -> bytes:
    return compose(
        email,
        BLOBS.__getitem__,
        now=datetime(2025, 1, 6, 7, 0, tzinfo=UTC),
        message_id="id@host",
        boundary=Boundaries(),
    )


def written_or_refused(email: dict[str, Any]) -> bytes | SetError:
    try:
        return written(email)
    except SetError as error:
        return error


def text_of(raw: bytes, media_type: str = "text/plain") -> str:
    part = next(one for one in parse(raw).leaves() if one.type == media_type)
    encoded = raw[part.offset : part.offset + part.length]
    return str(body_value(encoded, part.encoding, part.charset, part.type, 0)["value"])


def test_rfc8621_4_6_what_is_not_given_is_added() -> None:
    prepared = prepare(written({}))
    assert prepared.properties["messageId"] == ["id@host"]
    assert prepared.properties["sentAt"] == "2025-01-06T07:00:00Z"


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=80)
NAMES = TEXT.map(str.strip).filter(bool)


@given(subject=TEXT, name=NAMES, body=st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_rfc8621_4_6_what_is_given_comes_back(subject: str, name: str, body: str) -> None:
    email = {
        "subject": subject,
        "from": [{"name": name, "email": "anna@example.org"}],
        "textBody": [{"partId": "p"}],
        "bodyValues": {"p": {"value": body}},
    }
    raw = written(email)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    found = prepare(raw).properties
    assert str(found["subject"]).split() == unicodedata.normalize("NFC", subject).split()
    assert found["from"][0]["email"] == "anna@example.org"
    assert " ".join(found["from"][0]["name"].split()) == " ".join(name.split())
    assert text_of(raw) == body.replace("\r\n", "\n").replace("\r", "\n")


PROPERTIES = st.sampled_from(
    [
        "subject",
        "header:X-A:asText",
        "header:X-A",
        "messageId",
        "references",
        "from",
        "to",
        "header:X-A:asURLs",
        "sentAt",
    ]
)
EVIL = st.text(st.sampled_from('\r\n\t \x00:<>@"aé'), max_size=20)


@given(PROPERTIES, EVIL)
def test_rfc8621_4_6_no_value_makes_another_field(name: str, value: str) -> None:
    for given_value in (value, [value], [{"name": value, "email": "a@b"}], [{"name": None, "email": value}]):
        raw = written_or_refused({name: given_value})
        if isinstance(raw, SetError):
            assert raw.type == "invalidProperties"
            continue
        fields = [header.name for header in parse(raw).headers]
        allowed = {"Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"}
        assert len(set(fields) - allowed) <= 1
        assert len(fields) == len(set(fields))


def test_rfc8621_4_6_text_html_inline_image_and_attachment() -> None:
    email = {
        "textBody": [{"partId": "t", "type": "text/plain"}],
        "htmlBody": [{"partId": "h", "type": "text/html"}],
        "attachments": [
            {"blobId": "blob1", "type": "image/png", "cid": "pic", "disposition": "inline"},
            {
                "blobId": "blob1",
                "type": "image/png",
                "name": "Größe " + "x" * 200 + ".png",
                "disposition": "attachment",
            },
            {"blobId": "mail", "type": "message/rfc822"},
        ],
        "bodyValues": {"t": {"value": "text"}, "h": {"value": "<p>html é"}},
    }
    assert blob_ids(email) == {"blob1", "mail"}
    raw = written(email)
    prepared = prepare(raw)
    root = parse(raw)
    assert root.type == "multipart/mixed"
    assert root.sub_parts[0].type == "multipart/alternative"
    assert [one.type for one in root.sub_parts[0].sub_parts] == ["text/plain", "multipart/related"]
    assert prepared.properties["hasAttachment"] is True
    picture = next(one for one in root.leaves() if one.disposition == "attachment")
    assert picture.name == "Größe " + "x" * 200 + ".png"
    assert picture.size == len(BLOBS["blob1"])
    assert text_of(raw, "text/html") == "<p>html é"


def part(**properties: Any) -> dict[str, Any]:
    return {"bodyStructure": properties, "bodyValues": {"1": {"value": "x"}}}


@pytest.mark.parametrize(
    ("email", "wrong"),
    [
        ({"subject": 5}, ["subject"]),
        ({"from": "a@b"}, ["from"]),
        ({"from": [{"email": "a b"}]}, ["from"]),
        ({"from": [{"email": "a@b"}], "header:From": " a@b"}, ["header:From"]),
        ({"headers": []}, ["headers"]),
        ({"header:Content-Type": " text/plain"}, ["header:Content-Type"]),
        ({"header:Date:asText": "x"}, ["header:Date:asText"]),
        ({"header:X-A:asRaw": " a\r\nb"}, ["header:X-A:asRaw"]),
        ({"sentAt": "yesterday"}, ["sentAt"]),
        ({"unknown": 1}, ["unknown"]),
        ({"bodyValues": {"1": {"value": "x", "isTruncated": True}}}, ["bodyValues"]),
        ({"bodyStructure": {"partId": "1"}, "textBody": [], "bodyValues": {}}, ["bodyStructure", "textBody"]),
        ({"textBody": [{"partId": "1", "type": "text/html"}]}, ["textBody"]),
        ({"htmlBody": [{"partId": "1"}, {"partId": "2"}]}, ["htmlBody"]),
        (part(partId="2"), ["bodyStructure"]),
        (part(partId="1", blobId="blob1"), ["bodyStructure"]),
        (part(), ["bodyStructure"]),
        (part(partId="1", charset="utf-8"), ["bodyStructure"]),
        (part(partId="1", headers=[]), ["bodyStructure"]),
        (part(partId="1", type="image/png"), ["bodyStructure"]),
        (part(partId="1", **{"header:Content-Transfer-Encoding": "8bit"}), ["bodyStructure"]),
        (part(partId="1", **{"header:X-A:asDate": "x"}), ["bodyStructure"]),
        (part(type="multipart/mixed"), ["bodyStructure"]),
        (part(type="a\r\nb/c", partId="1"), ["bodyStructure"]),
        (part(type="multipart/mixed", subParts=[{"type": "x"}]), ["bodyStructure"]),
        ({"attachments": [{"blobId": 5}]}, ["attachments"]),
    ],
)
def test_rfc8621_4_6_invalid_properties(email: dict[str, Any], wrong: list[str]) -> None:
    with pytest.raises(SetError) as refused:
        written(email)
    assert refused.value.type == "invalidProperties"
    assert sorted(refused.value.extra["properties"]) == wrong


def test_rfc8621_4_6_blob_not_found() -> None:
    with pytest.raises(SetError) as refused:
        written({"attachments": [{"blobId": "gone", "type": "image/png"}]})
    assert refused.value.to_json()["type"] == "blobNotFound"
    assert refused.value.extra["notFound"] == ["gone"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["partId", "blobId", "type", "subParts", "value", "name", "email", "cid", "header:X"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["bodyStructure", "textBody", "htmlBody", "attachments", "bodyValues", "from", "header:X:all"]),
        JSON,
        max_size=4,
    )
)
def test_any_properties_make_a_message_or_a_set_error(email: dict[str, Any]) -> None:
    raw = written_or_refused(email)
    if isinstance(raw, SetError):
        assert raw.type in ("invalidProperties", "blobNotFound")
    else:
        assert parse(raw).headers
