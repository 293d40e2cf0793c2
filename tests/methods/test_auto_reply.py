"""Automatic replies while somebody is away (RFC 8621 section 8, RFC 3834)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from jmapd.protocol.capabilities import CORE, MAIL, SUBMISSION, VACATION_RESPONSE
from jmapd.store import replies
from jmapd.workers.sweeping import ROWS
from tests.caller import Caller
from tests.engine import Engine

USING = [CORE, MAIL, SUBMISSION, VACATION_RESPONSE]
HEAD = "From: {anna}\r\nTo: {ben}\r\nSubject: lunch\r\nMessage-ID: <2@x>\r\nReferences: <0@x>\r\n <1@x>\r\n"


def days_from_now(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@attrs.define
class Away:
    """Anna writes to Ben, who is away."""

    anna: Caller
    ben: Caller

    def call(self, who: Caller, name: str, **arguments: Any) -> dict[str, Any]:
        whole = {"accountId": who.account, **arguments}
        ((given, said, _),) = who.request((name, whole, "0"), using=USING)["methodResponses"]
        assert given == name, said
        found: dict[str, Any] = said
        return found

    def go(self, who: Caller | None = None, **properties: Any) -> None:
        """Ben, or somebody else, goes away."""
        update = {"singleton": {"isEnabled": True, **properties}}
        assert self.call(who or self.ben, "VacationResponse/set", update=update)["updated"]

    def write(self, head: str = HEAD, **properties: Any) -> dict[str, Any]:
        """Anna writes to Ben; the submission."""
        raw = (head.format(anna=self.anna.address, ben=self.ben.address) + "\r\nhello\r\n").encode()
        email = self.anna.import_message(raw, "Drafts")
        (identity,) = self.call(self.anna, "Identity/get")["list"]
        envelope = {"mailFrom": {"email": self.anna.address}, "rcptTo": [{"email": self.ben.address}]}
        create = {"k": {"identityId": identity["id"], "emailId": email, "envelope": envelope, **properties}}
        said = self.call(self.anna, "EmailSubmission/set", create=create)
        assert said["created"], said
        found: dict[str, Any] = said["created"]["k"]
        return found

    def replies(self, who: Caller | None = None) -> list[dict[str, Any]]:
        """What has come back to Anna, or to somebody else."""
        who = who or self.anna
        ids = who.call("Email/query", filter={"inMailbox": who.mailboxes["Inbox"]})["ids"]
        more = ["header:Auto-Submitted", "header:Return-Path", "bodyStructure", "textBody", "htmlBody", "bodyValues"]
        properties = ["subject", "from", "to", "inReplyTo", "references", "blobId", "keywords", *more]
        found: list[dict[str, Any]] = who.call(
            "Email/get", ids=ids, properties=properties, fetchAllBodyValues=True, bodyProperties=["partId", "type"]
        )["list"]
        return found


def away_of(jmap: Caller) -> Away:
    return Away(jmap, jmap.another("ben"))


@pytest.fixture
def away(jmap: Caller) -> Away:
    return away_of(jmap)


def test_rfc8621_8_who_writes_to_somebody_who_is_away_is_told_so(away: Away) -> None:
    away.go(subject="Gone fishing", textBody="Back on Monday. — Ben")
    assert away.write()["deliveryStatus"][away.ben.address]["delivered"] == "yes"
    (reply,) = away.replies()
    assert reply["subject"] == "Gone fishing"
    assert reply["from"] == [{"name": None, "email": away.ben.address}]
    assert reply["to"] == [{"name": None, "email": away.anna.address}]
    (part,) = reply["textBody"]
    assert (part["type"], reply["bodyStructure"]["type"]) == ("text/plain", "text/plain")
    assert reply["bodyValues"][part["partId"]]["value"] == "Back on Monday. — Ben"
    assert reply["keywords"] == {}
    # Ben has the message itself
    assert len(away.replies(away.ben)) == 1


def test_rfc8621_8_html_has_the_text_beside_it(away: Away) -> None:
    away.go(htmlBody="<p>Back on <b>Monday</b>.</p>")
    away.write()
    (reply,) = away.replies()
    structure = reply["bodyStructure"]
    assert structure["type"] == "multipart/alternative"
    text, html = (reply["bodyValues"][one["partId"]]["value"] for one in structure["subParts"])
    assert (text, html) == ("Back on Monday .", "<p>Back on <b>Monday</b>.</p>")
    # and the text is what was given, where it was
    away.go(textBody="On Monday.")
    away.write()
    both = away.replies()[0]
    assert {one["value"] for one in both["bodyValues"].values()} == {"On Monday.", "<p>Back on <b>Monday</b>.</p>"}


def test_rfc8621_8_without_a_text_or_a_subject_there_is_one_all_the_same(away: Away) -> None:
    away.go()
    away.write()
    (reply,) = away.replies()
    assert reply["subject"] == "Auto: lunch"
    assert "may not be read for some time" in reply["bodyValues"][reply["textBody"][0]["partId"]]["value"]


def test_rfc8621_8_a_reply_is_as_rfc_3834_has_it(away: Away) -> None:
    away.go()
    away.write()
    (reply,) = away.replies()
    assert reply["header:Auto-Submitted"] == " auto-replied"
    assert reply["header:Return-Path"] == " <>"
    assert reply["inReplyTo"] == ["2@x"]
    assert reply["references"] == ["0@x", "1@x", "2@x"]


@pytest.mark.parametrize(
    ("since", "until", "replied"),
    [(-1, 1, 1), (None, 1, 1), (-1, None, 1), (1, None, 0), (1, 2, 0), (None, -1, 0), (-2, -1, 0)],
)
def test_rfc8621_8_replies_are_sent_between_from_date_and_to_date(
    away: Away, since: float | None, until: float | None, replied: int
) -> None:
    away.go(
        fromDate=None if since is None else days_from_now(since),
        toDate=None if until is None else days_from_now(until),
    )
    away.write()
    assert len(away.replies()) == replied
    assert len(away.replies(away.ben)) == 1


def test_rfc8621_8_nobody_is_told_who_is_not_away(away: Away) -> None:
    away.go(isEnabled=False, textBody="away")
    away.write()
    assert away.replies() == []


def test_rfc8621_8_each_sender_is_told_once_until_there_is_something_new_to_tell(away: Away) -> None:
    away.go(textBody="until Monday")
    away.write()
    away.write()
    assert len(away.replies()) == 1
    # what changes nothing is nothing new
    away.go(textBody="until Monday")
    away.write()
    assert len(away.replies()) == 1
    away.go(textBody="until Tuesday")
    away.write()
    assert len(away.replies()) == 2


def test_rfc8621_8_two_messages_of_one_call_get_one_reply(away: Away) -> None:
    away.go()
    raw = HEAD.format(anna=away.anna.address, ben=away.ben.address).encode()
    emails = [away.anna.import_message(raw + f"X: {number}\r\n\r\nx".encode()) for number in range(2)]
    (identity,) = away.call(away.anna, "Identity/get")["list"]
    create = {email: {"identityId": identity["id"], "emailId": email} for email in emails}
    before = len(away.replies())
    assert len(away.call(away.anna, "EmailSubmission/set", create=create)["created"]) == 2
    assert len(away.replies()) == before + 1


@pytest.mark.parametrize(
    "line",
    [
        "Auto-Submitted: auto-replied",
        "auto-submitted: Auto-Generated; owner-email=a@b",
        "List-Id: <x.example.com>",
        "List-Unsubscribe: <https://example.com/>",
        "Precedence: Bulk",
        "Precedence: list",
        "Precedence: junk",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=x",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
        "Content-Type: message/disposition-notification",
    ],
)
def test_rfc8621_8_what_no_person_wrote_to_persons_gets_no_reply(away: Away, line: str) -> None:
    away.go()
    away.write(f"{HEAD}{line}\r\n")
    assert away.replies() == []
    assert len(away.replies(away.ben)) == 1
    # nor does it keep a later one from getting one
    away.write(f"{HEAD}Auto-Submitted: no (by hand)\r\nPrecedence: first-class\r\n")
    assert len(away.replies()) == 1


def test_rfc8621_8_only_who_is_named_replies(away: Away) -> None:
    away.go()
    away.write("From: {anna}\r\nTo: friends@example.com, x{ben}\r\n")
    assert away.replies() == []
    for number, name in enumerate(("To", "Cc", "Bcc", "Resent-To", "Resent-Cc"), 1):
        away.go(textBody=name)
        away.write("From: {anna}\r\n" + name + ": Others: a@example.com, Ben <{ben}>;\r\n")
        assert len(away.replies()) == number, name


@pytest.mark.parametrize(
    "local_part", ["owner-list", "list-owner", "LIST-request", "mailer-daemon", "list-bounces", "noreply", "No-Reply"]
)
def test_rfc8621_8_machines_get_no_reply(inside: Engine, local_part: str) -> None:
    machine = inside.add_user(f"{local_part}@localhost")
    inside.administer("account_share", name=f"{local_part}@localhost", other=inside.address, read_only=False)
    away = away_of(inside)
    away.go()
    sender = attrs.evolve(inside, account=machine, address=f"{local_part}@localhost")
    sender.find_mailboxes()
    assert Away(sender, away.ben).write()["deliveryStatus"][away.ben.address]["delivered"] == "yes"
    assert away.replies(sender) == []


def test_rfc8621_8_two_who_are_away_do_not_answer_each_other(away: Away) -> None:
    away.go()
    away.go(away.anna)
    away.write()
    assert len(away.replies()) == 1
    assert len(away.replies(away.ben)) == 1


def test_who_writes_to_themselves_is_not_answered(jmap: Caller) -> None:
    away = Away(jmap, jmap)
    away.go()
    away.write()
    assert len(away.replies()) == 1


def test_the_name_of_who_is_away_is_that_of_their_identity(away: Away) -> None:
    (identity,) = away.call(away.ben, "Identity/get")["list"]
    away.call(away.ben, "Identity/set", update={identity["id"]: {"name": "Ben, sailing"}})
    away.go(subject="a\r\nBcc: x@example.com")
    away.write()
    (reply,) = away.replies()
    assert reply["from"] == [{"name": "Ben, sailing", "email": away.ben.address}]
    assert b"\r\nBcc" not in away.anna.download(reply["blobId"])


def test_whoever_listens_to_the_senders_account_hears_of_the_reply(inside: Engine) -> None:
    away = away_of(inside)
    away.go()
    away.write()
    assert inside.last is not None
    assert {"Email", "Mailbox", "EmailSubmission"} <= inside.last.changed[inside.account].keys()
    assert "Email" in inside.last.changed[away.ben.account]


def test_a_full_mailbox_of_the_sender_harms_nothing(inside: Engine) -> None:
    away = away_of(inside)
    away.go()
    inside.administer("account_quota", name=inside.address, emails=1, octets=None)
    assert away.write()["deliveryStatus"][away.ben.address]["delivered"] == "yes"
    assert away.replies() == []


def test_rfc8621_8_a_sender_is_told_again_after_a_week(inside: Engine) -> None:
    away, database = away_of(inside), inside.store.database.connection

    def goes_by(milliseconds: int) -> None:
        database.execute("UPDATE replies SET replied_at = replied_at - ?", (milliseconds,))

    away.go()
    away.write()
    goes_by(replies.KEEP - 60_000)
    inside.perform("sweep", step="replies", at=None)
    away.write()
    assert len(away.replies()) == 1
    goes_by(60_000)
    away.write()
    assert len(away.replies()) == 2
    goes_by(replies.KEEP + 60_000)
    inside.perform("sweep", step="replies", at=None)
    assert database.execute("SELECT count(*) FROM replies").fetchall() == [(0,)]


def test_who_was_answered_long_ago_is_forgotten_a_piece_at_a_time(inside: Engine) -> None:
    database, account = inside.store.database, int(inside.account.removeprefix("a"))
    for number in range(ROWS + 1):
        replies.note(database, account, f"{number}@example.com", 0)
    assert inside.perform("sweep", step="replies", at=None).arguments["at"]
    assert database.connection.execute("SELECT count(*) FROM replies").fetchall() == [(1,)]
    assert inside.perform("sweep", step="replies", at=True).arguments["at"] is None
    assert database.connection.execute("SELECT count(*) FROM replies").fetchall() == [(0,)]
