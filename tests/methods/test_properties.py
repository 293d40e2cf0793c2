"""Each property that RFC 8621 gives to its data types is there (section 1.1)."""

from __future__ import annotations

from typing import Any

import pytest

from jmapd.protocol.capabilities import CORE, MAIL, SUBMISSION, VACATION_RESPONSE
from tests.caller import Caller

USING = [CORE, MAIL, SUBMISSION, VACATION_RESPONSE]
RIGHTS = [
    *("mayReadItems", "mayAddItems", "mayRemoveItems", "maySetSeen", "maySetKeywords", "mayCreateChild", "mayRename"),
    *("mayDelete", "maySubmit"),
]
EMAIL = [
    *("id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "headers", "messageId", "inReplyTo"),
    *("references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt", "bodyStructure"),
    *("bodyValues", "textBody", "htmlBody", "attachments", "hasAttachment", "preview"),
]
PART = [
    *("partId", "blobId", "size", "headers", "name", "type", "charset", "disposition", "cid", "language", "location"),
    "subParts",
]
OTHERS = {
    "Mailbox": [
        *("id", "name", "parentId", "role", "sortOrder", "totalEmails", "unreadEmails", "totalThreads"),
        *("unreadThreads", "myRights", "isSubscribed"),
    ],
    "Identity": ["id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete"],
    "VacationResponse": ["id", "isEnabled", "fromDate", "toDate", "subject", "textBody", "htmlBody"],
}
SUBMISSION_PROPERTIES = [
    *("id", "identityId", "emailId", "threadId", "envelope", "sendAt", "undoStatus", "deliveryStatus", "dsnBlobIds"),
    "mdnBlobIds",
]


def objects(jmap: Caller, name: str, **arguments: Any) -> list[dict[str, Any]]:
    """What a /get with all capabilities lists."""
    whole = {"accountId": jmap.account, **arguments}
    ((_, said, _),) = jmap.request((name, whole, "0"), using=USING)["methodResponses"]
    found: list[dict[str, Any]] = said["list"]
    return found


@pytest.mark.parametrize("type", OTHERS)
def test_rfc8621_1_1_all_properties_are_there(jmap: Caller, type: str) -> None:
    found = objects(jmap, f"{type}/get")
    assert found
    for one in found:
        assert one.keys() == set(OTHERS[type])
        assert type != "Mailbox" or one["myRights"].keys() == set(RIGHTS)


def test_rfc8621_1_1_all_properties_of_emails_and_threads_are_there(jmap: Caller) -> None:
    id = jmap.import_message(b"From: a@b\r\nSubject: s\r\n\r\nhello\r\n")
    arguments = {"properties": EMAIL, "bodyProperties": PART, "fetchAllBodyValues": True}
    (email,) = objects(jmap, "Email/get", ids=[id], **arguments)
    assert email.keys() == set(EMAIL)
    assert email["bodyStructure"].keys() == set(PART)
    (value,) = email["bodyValues"].values()
    assert value.keys() == {"value", "isEncodingProblem", "isTruncated"}
    (thread,) = objects(jmap, "Thread/get")
    assert thread == {"id": email["threadId"], "emailIds": [id]}


def test_rfc8621_1_1_all_properties_of_submissions_are_there(jmap: Caller) -> None:
    raw = f"From: {jmap.address}\r\nTo: {jmap.address}\r\nSubject: s\r\n\r\nhello\r\n"
    email = jmap.import_message(raw.encode(), "Drafts")
    (identity,) = objects(jmap, "Identity/get")
    create = {"k": {"identityId": identity["id"], "emailId": email}}
    jmap.request(("EmailSubmission/set", {"accountId": jmap.account, "create": create}, "0"), using=USING)
    (submission,) = objects(jmap, "EmailSubmission/get")
    assert submission.keys() == set(SUBMISSION_PROPERTIES)
    (status,) = submission["deliveryStatus"].values()
    assert status.keys() == {"smtpReply", "delivered", "displayed"}
