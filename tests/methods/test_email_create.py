"""What a new Email must not have (RFC 8621 section 4.6), and what it is told that it has."""

from __future__ import annotations

from typing import Any

import pytest

from tests.caller import Caller

VALUES = {"1": {"value": "text"}, "2": {"value": "more"}}
TEXT, HTML = {"partId": "1", "type": "text/plain"}, {"partId": "1", "type": "text/html"}


def created(jmap: Caller, **properties: Any) -> dict[str, Any]:
    """What became of a new Email."""
    email = {"mailboxIds": {jmap.mailboxes["Drafts"]: True}, "bodyValues": VALUES, **properties}
    said = jmap.call("Email/set", create={"k": email})
    found: dict[str, Any] = {**(said["created"] or {}), **(said["notCreated"] or {})}["k"]
    return found


@pytest.mark.parametrize(
    ("properties", "wrong"),
    [
        ({"headers": [{"name": "X", "value": " y"}]}, ["headers"]),
        ({"bodyStructure": {**TEXT, "headers": []}}, ["bodyStructure"]),
        ({"subject": "a", "header:Subject": " b"}, ["header:Subject"]),
        ({"header:subject:asText": "a", "header:SUBJECT": " b"}, ["header:SUBJECT"]),
        ({"bodyStructure": {**TEXT, "header:X-A": " a", "header:x-a:asText": "b"}}, ["bodyStructure"]),
        ({"bodyStructure": {**TEXT, "header:X-A:all": " a"}}, ["bodyStructure"]),
        ({"bodyStructure": {**TEXT, "header:X-A:all": 5}}, ["bodyStructure"]),
        ({"header:From:asDate": "2025-01-01T00:00:00Z"}, ["header:From:asDate"]),
        ({"bodyStructure": {**TEXT, "header:Date:asText": "x"}}, ["bodyStructure"]),
        ({"header:Content-Language": " en"}, ["header:Content-Language"]),
        ({"header:content-x:asText": "en"}, ["header:content-x:asText"]),
        ({"bodyStructure": TEXT, "textBody": [TEXT]}, ["textBody"]),
        ({"bodyStructure": TEXT, "attachments": []}, ["attachments"]),
        ({"subject": "a", "bodyStructure": {**TEXT, "header:Subject": " b"}}, ["bodyStructure"]),
        ({"subject": "a", "textBody": [{**TEXT, "header:Subject": " b"}]}, ["textBody"]),
        ({"bodyStructure": {**TEXT, "header:MIME-Version": " 1.0"}}, ["bodyStructure"]),
        ({"bodyStructure": {**TEXT, "cid": "a@b", "header:Content-ID": " <a@b>"}}, ["bodyStructure"]),
        ({"bodyStructure": {**TEXT, "header:Content-Type": " text/html"}}, ["bodyStructure"]),
        ({"textBody": []}, ["textBody"]),
        ({"textBody": [TEXT, {**TEXT, "partId": "2"}]}, ["textBody"]),
        ({"textBody": [HTML]}, ["textBody"]),
        ({"htmlBody": []}, ["htmlBody"]),
        ({"htmlBody": [HTML, {**HTML, "partId": "2"}]}, ["htmlBody"]),
        ({"htmlBody": [TEXT]}, ["htmlBody"]),
        ({"textBody": [{"partId": "9", "type": "text/plain"}]}, ["textBody"]),
        ({"textBody": [{**TEXT, "blobId": "BLOB"}]}, ["textBody"]),
        ({"textBody": [{**TEXT, "charset": "utf-8"}]}, ["textBody"]),
        ({"textBody": [{**TEXT, "size": 4}]}, ["textBody"]),
        ({"textBody": [{**TEXT, "header:Content-Transfer-Encoding": " 8bit"}]}, ["textBody"]),
        ({"bodyValues": {"1": {"value": "x", "isEncodingProblem": True}}}, ["bodyValues"]),
        ({"bodyValues": {"1": {"value": "x", "isTruncated": True}}}, ["bodyValues"]),
    ],
)
def test_rfc8621_4_6_what_a_new_email_must_not_have(jmap: Caller, properties: dict[str, Any], wrong: list[str]) -> None:
    refused = created(jmap, **properties)
    assert (refused["type"], sorted(refused.get("properties", ()))) == ("invalidProperties", wrong)


def test_rfc8621_4_6_a_message_id_and_a_date_are_made(jmap: Caller) -> None:
    made = created(
        jmap, bodyValues={"1": {"value": "x", "isEncodingProblem": False, "isTruncated": False}}, textBody=[TEXT]
    )
    names = ["messageId", "sentAt", "header:Message-ID", "header:Date"]
    (email,) = jmap.call("Email/get", ids=[made["id"]], properties=names)["list"]
    (message_id,) = email["messageId"]
    left, _, right = message_id.partition("@")
    assert left
    assert right
    assert email["header:Message-ID"] == f" <{message_id}>"
    assert email["sentAt"]
    assert email["header:Date"].strip()


def test_rfc8621_4_6_a_part_has_the_header_fields_it_is_given_once(jmap: Caller) -> None:
    root = {**TEXT, "header:Message-ID:asMessageIds": ["1@x"], "header:X-A:asText": "a", "header:X-B": None}
    made = created(jmap, subject="s", bodyStructure={**root, "header:Content-Language": " en"})
    (email,) = jmap.call("Email/get", ids=[made["id"]], properties=["headers"])["list"]
    names = [one["name"] for one in email["headers"]]
    assert len(names) == len(set(names))
    assert {"Message-ID", "Subject", "X-A", "Content-Language", "Date"} <= set(names)
    assert "X-B" not in names


def test_rfc8621_4_6_every_blob_that_is_not_there_is_named(jmap: Caller) -> None:
    there = jmap.upload(b"there")
    blobs = ("Bgone", there, "Bnone")
    refused = created(jmap, attachments=[{"blobId": blob, "type": "a/b"} for blob in blobs])
    assert (refused["type"], refused["notFound"]) == ("blobNotFound", ["Bgone", "Bnone"])


@pytest.mark.parametrize("name", ["attachments", "textBody", "htmlBody", "bodyStructure"])
def test_rfc8620_6_a_blob_that_has_another_id_in_the_new_email_is_told(jmap: Caller, name: str) -> None:
    media_type = {"textBody": "text/plain", "htmlBody": "text/html"}.get(name, "text/csv")
    part = {"blobId": jmap.upload(b"attached"), "type": media_type}
    given = {"type": "multipart/mixed", "subParts": [part]} if name == "bodyStructure" else [part]
    made = created(jmap, **{name: given})
    (email,) = jmap.call("Email/get", ids=[made["id"]], properties=[name])["list"]
    assert made.keys() == {"id", "blobId", "threadId", "size", name}
    assert made[name] == email[name]
    (told,) = made[name]["subParts"] if name == "bodyStructure" else made[name]
    assert jmap.download(told["blobId"]) == b"attached"
