"""What MDNs tell of what was sent (RFC 8621 section 7, RFC 9007 section 2.2)."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from jmapd.datatypes.email_submission.record import NAME, submission_number
from jmapd.datatypes.email_submission.reports import MAX_REPORTS
from jmapd.protocol.capabilities import CORE, MAIL, MDN, SUBMISSION
from jmapd.store import objects
from tests.caller import Caller
from tests.engine import Engine


def call(who: Caller, name: str, **arguments: Any) -> dict[str, Any]:
    using = [CORE, MAIL, MDN, SUBMISSION]
    said = who.request((name, {"accountId": who.account, **arguments}, "0"), using=using)["methodResponses"]
    assert said[0][0] == name, said
    found: dict[str, Any] = said[0][1]
    return found


def identity(who: Caller) -> str:
    found: str = call(who, "Identity/get", ids=None)["list"][0]["id"]
    return found


@attrs.define
class Anna:
    """Anna, who asks those he writes to whether they have seen it."""

    jmap: Caller
    ben: Caller

    def email(self, message_id: str = "<1@x>", mailbox: str = "Sent") -> str:
        """Keep a message."""
        raw = (
            f"From: {self.jmap.address}\r\nTo: {self.ben.address}\r\nSubject: plans\r\nMessage-ID: {message_id}\r\n"
            f"Disposition-Notification-To: {self.jmap.address}\r\n\r\nsee you in {mailbox}\r\n"
        )
        return self.jmap.import_message(raw.encode(), mailbox)

    def send(self, email: str, *to: Caller) -> str:
        """Send an Email to Ben, or to others; the EmailSubmission."""
        envelope = {
            "mailFrom": {"email": self.jmap.address},
            "rcptTo": [{"email": one.address.upper()} for one in to or (self.ben,)],
        }
        create = {"k": {"identityId": identity(self.jmap), "emailId": email, "envelope": envelope}}
        id: str = call(self.jmap, "EmailSubmission/set", create=create)["created"]["k"]["id"]
        return id

    def submission(self, id: str) -> dict[str, Any]:
        (found,) = call(self.jmap, "EmailSubmission/get", ids=[id])["list"]
        assert isinstance(found, dict)
        return found

    def displayed(self, id: str) -> dict[str, str]:
        """What is known of each recipient."""
        statuses = self.submission(id)["deliveryStatus"].items()
        return {email.lower(): status["displayed"] for email, status in statuses}

    def reports(self) -> list[dict[str, Any]]:
        """The Emails in Anna's Inbox, oldest first."""
        inbox = {"inMailbox": self.jmap.mailboxes["Inbox"]}
        ids = self.jmap.call("Email/query", filter=inbox, sort=[{"property": "receivedAt"}])["ids"]
        emails: list[dict[str, Any]] = self.jmap.call("Email/get", ids=ids)["list"]
        return emails

    def about(self, blob: str) -> str | None:
        """The Email that an MDN of Anna's is about."""
        parsed: dict[str, Any] = call(self.jmap, "MDN/parse", blobIds=[blob])["parsed"]
        found: str | None = parsed[blob]["forEmailId"]
        return found


def tell(reader: Caller, type: str = "displayed") -> None:
    """A reader says what became of the last message they got."""
    (email, *_) = reader.call("Email/query", filter={"subject": "plans", "notKeyword": "$mdnsent"})["ids"]
    disposition = {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": type}
    send = {"k": {"forEmailId": email, "disposition": disposition, "subject": "read"}}
    update = {"#k": {"keywords/$mdnsent": True}}
    said = call(reader, "MDN/send", identityId=identity(reader), send=send, onSuccessUpdateEmail=update)
    assert said["sent"]


def mdn(message_id: str | None) -> bytes:
    about = "" if message_id is None else f"Original-Message-ID: {message_id}\r\n"
    return (
        "Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/disposition-notification\r\n\r\n"
        f"Final-Recipient: rfc822; ben@localhost\r\n{about}Disposition: manual-action/MDN-sent-manually; displayed\r\n"
        "\r\n--x--\r\n"
    ).encode()


@pytest.fixture
def anna(jmap: Caller) -> Anna:
    return Anna(jmap, jmap.another("ben"))


@pytest.fixture
def within(inside: Engine) -> Anna:
    return Anna(inside, inside.another("ben"))


def test_rfc8621_7_an_mdn_is_listed_and_says_that_the_message_was_displayed(anna: Anna) -> None:
    email = anna.email()
    sent = anna.send(email)
    assert anna.displayed(sent) == {anna.ben.address: "unknown"}
    state = call(anna.jmap, "EmailSubmission/get", ids=[])["state"]
    tell(anna.ben)
    (report,) = anna.reports()
    assert anna.submission(sent)["mdnBlobIds"] == [report["blobId"]]
    assert anna.displayed(sent) == {anna.ben.address: "yes"}
    changes = call(anna.jmap, "EmailSubmission/changes", sinceState=state)
    assert (changes["created"], changes["updated"], changes["destroyed"]) == ([], [sent], [])
    assert anna.about(report["blobId"]) == email


def test_rfc8621_7_other_dispositions_are_listed_in_order_and_say_nothing_of_display(anna: Anna) -> None:
    email = anna.email()
    sent = [anna.send(email), anna.send(email)]
    for type in ("deleted", "processed"):
        tell(anna.ben, type)
    blobs = [one["blobId"] for one in anna.reports()]
    assert len(blobs) == 2
    for id in sent:
        assert anna.submission(id)["mdnBlobIds"] == blobs
        assert anna.displayed(id) == {anna.ben.address: "unknown"}


def test_an_mdn_tells_of_its_own_recipient_and_of_the_submission_to_them(anna: Anna) -> None:
    email, carol, dan = anna.email(), anna.jmap.another("carol"), anna.jmap.another("dan")
    both, later = anna.send(email, anna.ben, carol), anna.send(email, dan)
    tell(carol)
    assert anna.displayed(both) == {anna.ben.address: "unknown", carol.address: "yes"}
    assert anna.displayed(later) == {dan.address: "unknown"}
    assert (len(anna.submission(both)["mdnBlobIds"]), anna.submission(later)["mdnBlobIds"]) == (1, [])


def test_who_got_it_from_a_recipient_has_an_mdn_listed_too(anna: Anna) -> None:
    sent = anna.send(anna.email())
    dan = anna.jmap.another("dan")
    (received,) = anna.ben.call("Email/query")["ids"]
    (blob,) = (one["blobId"] for one in anna.ben.call("Email/get", ids=[received])["list"])
    dan.import_message(anna.ben.download(blob))
    tell(dan)
    assert len(anna.submission(sent)["mdnBlobIds"]) == 1
    assert anna.displayed(sent) == {anna.ben.address: "unknown"}


def test_an_mdn_tells_nothing_of_other_messages_nor_to_other_accounts(anna: Anna) -> None:
    other, forgotten = anna.send(anna.email("<2@x>")), anna.send(anna.email())
    # Carol has sent a message with the same Message-ID to Ben
    carol = Anna(anna.jmap.another("carol"), anna.ben)
    of_carol = carol.send(carol.email())
    call(anna.jmap, "EmailSubmission/set", destroy=[forgotten])
    (id,) = anna.ben.call("Email/query", filter={"from": anna.jmap.address, "header": ["Message-ID", "1@x"]})["ids"]
    others = set(anna.ben.call("Email/query")["ids"]) - {id}
    anna.ben.call("Email/set", destroy=sorted(others))
    tell(anna.ben)
    assert len(anna.reports()) == 1
    for sender, submission in ((anna, other), (carol, of_carol)):
        assert sender.submission(submission)["mdnBlobIds"] == []
        assert sender.displayed(submission) == {anna.ben.address: "unknown"}


def test_rfc8621_7_the_blob_of_a_report_is_kept_as_long_as_the_submission(within: Anna) -> None:
    jmap = within.jmap
    assert isinstance(jmap, Engine)
    sent = within.send(within.email())
    tell(within.ben)
    (report,) = within.reports()
    raw = jmap.download(report["blobId"])
    jmap.call("Email/set", destroy=[report["id"]])
    for step in ("texts", "blobs"):
        jmap.prepared("sweep", b"", step=step, at=None)
    (blob,) = within.submission(sent)["mdnBlobIds"]
    assert jmap.download(blob) == raw
    assert within.about(blob)
    call(jmap, "EmailSubmission/set", destroy=[sent])
    jmap.prepared("sweep", b"", step="blobs", at=None)
    assert call(jmap, "MDN/parse", blobIds=[blob])["notFound"] == [blob]


def test_whoever_listens_hears_of_a_report(within: Anna) -> None:
    within.send(within.email())
    tell(within.ben)
    assert isinstance(within.ben, Engine)
    assert within.ben.last is not None
    assert "EmailSubmission" in within.ben.last.changed[within.jmap.account]


def test_no_more_reports_are_listed_than_a_submission_can_hold(within: Anna) -> None:
    jmap = within.jmap
    assert isinstance(jmap, Engine)
    sent = within.send(within.email())
    number = submission_number(1, sent)
    assert number is not None
    row = {**objects.some_of(jmap.store.database, 1, NAME, [number])[number]}
    objects.put(jmap.store.database, 1, NAME, number, {**row, "mdnBlobIds": ["b"] * (MAX_REPORTS - 1)})
    for _ in range(2):
        tell(within.ben)
        assert len(within.submission(sent)["mdnBlobIds"]) == MAX_REPORTS
        (email,) = within.ben.call("Email/query")["ids"]
        within.ben.call("Email/set", update={email: {"keywords": {}}})
    assert len(within.reports()) == 2


def test_rfc9007_2_2_an_mdn_is_for_the_only_email_with_its_message_id(anna: Anna) -> None:
    first, other = anna.email(), anna.email("<2@x>")
    blob, another = (anna.jmap.upload(mdn(id)) for id in ("<1@x>", "<2@x>"))
    parsed = call(anna.jmap, "MDN/parse", blobIds=[blob, another])["parsed"]
    assert (parsed[blob]["forEmailId"], parsed[another]["forEmailId"]) == (first, other)
    anna.email(mailbox="Archive")
    assert anna.about(blob) is None
    assert anna.about(another) == other


def test_rfc9007_2_2_of_several_it_is_for_the_one_that_was_sent_last(anna: Anna) -> None:
    copy, email = anna.email(), anna.email(mailbox="Archive")
    anna.send(email)
    blob = anna.jmap.upload(mdn("<1@x>"))
    assert anna.about(blob) == email
    anna.send(copy)
    assert anna.about(blob) == copy
    anna.jmap.call("Email/set", destroy=[copy])
    assert anna.about(blob) == email
    anna.jmap.call("Email/set", destroy=[email])
    assert anna.about(blob) is None


@pytest.mark.parametrize("message_id", [None, "<3@x>", "nothing", '<"quoted\\"@x>', "<é@x>"])
def test_rfc9007_2_2_an_mdn_of_no_message_here_is_for_none(anna: Anna, message_id: str | None) -> None:
    anna.email()
    assert anna.about(anna.jmap.upload(mdn(message_id))) is None


def test_an_mdn_is_for_no_email_of_another_account(anna: Anna) -> None:
    email = anna.email()
    blobs = [who.upload(mdn("<1@x>")) for who in (anna.jmap, anna.ben)]
    (of_ben,) = call(anna.ben, "MDN/parse", blobIds=blobs[1:])["parsed"].values()
    assert (anna.about(blobs[0]), of_ben["forEmailId"]) == (email, None)
