"""RFC 8621 section 4.9: messages shown without being stored."""

from __future__ import annotations

from typing import Any

from tests.caller import Caller
from tests.engine import Engine

INNER = (
    b"From: Ben <ben@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=i\r\n\r\n"
    b"--i\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThe inner text.\r\n"
    b"--i\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--i--\r\n"
)
OUTER = (
    b"From: Anna <anna@example.org>\r\nSubject: Fwd\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=o\r\n\r\n"
    b"--o\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n"
    b"--o\r\nContent-Type: message/rfc822\r\n\r\n" + INNER + b"\r\n--o--\r\n"
)


def parsed(jmap: Caller, blob: str, **arguments: Any) -> dict[str, Any]:
    said = jmap.call("Email/parse", blobIds=[blob], **arguments)
    assert said["notParsable"] is None
    assert said["notFound"] is None
    found: dict[str, Any] = said["parsed"][blob]
    return found


def test_rfc8621_4_9_the_default_properties(jmap: Caller) -> None:
    email = parsed(jmap, jmap.upload(INNER))
    assert list(email) == [
        *("messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject"),
        *("sentAt", "hasAttachment", "preview", "textBody", "htmlBody", "attachments", "bodyValues"),
    ]
    assert email["subject"] == "Grüße"
    assert email["hasAttachment"] is True
    assert email["preview"] == "The inner text."
    assert email["bodyValues"] == {}


def test_rfc8621_4_9_metadata_properties_are_null(jmap: Caller) -> None:
    blob = jmap.upload(INNER)
    names = ["id", "mailboxIds", "keywords", "receivedAt", "threadId", "blobId", "size"]
    nothing = dict.fromkeys(names[:5])
    assert parsed(jmap, blob, properties=names) == {**nothing, "blobId": blob, "size": len(INNER)}


def test_rfc8621_4_9_only_what_is_asked_for_is_given_without_an_id(jmap: Caller) -> None:
    email = parsed(jmap, jmap.upload(INNER), properties=["header:From:asAddresses", "subject"])
    assert email == {
        "header:From:asAddresses": [{"name": "Ben", "email": "ben@example.org"}],
        "subject": "Grüße",
    }


def test_rfc8621_4_9_body_values(jmap: Caller) -> None:
    email = parsed(jmap, jmap.upload(INNER), fetchTextBodyValues=True, maxBodyValueBytes=9)
    (part,) = email["textBody"]
    assert email["bodyValues"][part["partId"]] == {
        "value": "The inner",
        "isEncodingProblem": False,
        "isTruncated": True,
    }


def test_rfc8621_4_9_a_message_within_an_email_is_parsed_and_so_are_its_parts(inside: Engine) -> None:
    id = inside.import_message(OUTER)
    (outer,) = inside.call("Email/get", ids=[id], properties=["attachments"])["list"]
    (attached,) = outer["attachments"]
    email = parsed(
        inside, attached["blobId"], fetchAllBodyValues=True, properties=["subject", "bodyValues", "attachments"]
    )
    assert email["subject"] == "Grüße"
    assert [one["value"] for one in email["bodyValues"].values()] == ["The inner text."]
    (pdf,) = email["attachments"]
    opened = inside.perform("blob_open", user=inside.user, account=inside.account, blob=pdf["blobId"])
    assert opened.arguments["size"] == 4


def test_rfc8621_4_9_what_is_no_message_and_what_is_not_there(jmap: Caller) -> None:
    nothing = jmap.upload(b"")
    said = jmap.call("Email/parse", blobIds=[nothing, "Bmissing"])
    assert said == {
        "accountId": jmap.account,
        "parsed": None,
        "notParsable": [nothing],
        "notFound": ["Bmissing"],
    }


def test_rfc8621_4_9_wrong_arguments(jmap: Caller) -> None:
    assert jmap.error("Email/parse")["type"] == "invalidArguments"
    assert jmap.error("Email/parse", blobIds=[], properties=["made-up"])["type"] == "invalidArguments"
    assert jmap.error("Email/parse", blobIds=[f"B{n}" for n in range(501)])["type"] == "requestTooLarge"
