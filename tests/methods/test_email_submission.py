"""EmailSubmission (RFC 8621 section 7), with delivery to accounts of this server."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import attrs
import orjson
import pytest

from jmapd.datatypes.email_submission.envelope import MAX_RECIPIENTS
from jmapd.datatypes.email_submission.set import MAX_SIZE
from jmapd.protocol.capabilities import CORE, MAIL, SUBMISSION
from tests.caller import Caller
from tests.engine import Engine

USING = [CORE, MAIL, SUBMISSION]
ANNA, BEN = "anna@localhost", "ben@localhost"
DRAFT = (
    "From: Anna <anna@localhost>\r\nTo: Ben <ben@localhost>\r\nBcc: secret@localhost,\r\n hidden@example.com\r\n"
    "Subject: lunch\r\nMessage-ID: <1@x>\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\n\r\nBcc: this is text\r\n"
)


@attrs.define
class Anna:
    """Anna, who sends, and Ben, who has an account beside hers.

    What is given for them names them ``anna@localhost`` and ``ben@localhost``; their own addresses take its place.
    """

    jmap: Caller
    ben: Caller
    identity: str = ""

    def named(self, text: str) -> str:
        """With the two users' own addresses."""
        return text.replace(ANNA, self.jmap.address).replace(BEN, self.ben.address)

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        responses = self.responses(name, **arguments)
        assert responses[0][0] == name, responses
        said: dict[str, Any] = responses[0][1]
        return said

    def responses(self, name: str, **arguments: Any) -> list[Any]:
        whole = orjson.loads(self.named(orjson.dumps({"accountId": self.jmap.account, **arguments}).decode()))
        found: list[Any] = self.jmap.request((name, whole, "0"), using=USING)["methodResponses"]
        return found

    def draft(self, raw: str = DRAFT) -> str:
        return self.jmap.import_message(self.named(raw).encode(), "Drafts", keywords={"$draft": True})

    def send(self, email: str, **properties: Any) -> dict[str, Any]:
        """Submit an Email; what became of it."""
        create = {"k": {"identityId": self.identity, "emailId": email, **properties}}
        said = self.call("EmailSubmission/set", create=create)
        found: dict[str, Any] = {**(said["created"] or {}), **(said["notCreated"] or {})}["k"]
        return found

    def received(self) -> list[dict[str, Any]]:
        """Ben's Emails, with their messages."""
        ids = self.ben.call("Email/query")["ids"]
        emails: list[dict[str, Any]] = self.ben.call("Email/get", ids=ids)["list"]
        return [{**email, "raw": self.ben.download(email["blobId"]).decode()} for email in emails]


def anna_of(jmap: Caller) -> Anna:
    made = Anna(jmap, jmap.another("ben"))
    (identity,) = made.call("Identity/get")["list"]
    made.identity = identity["id"]
    return made


@pytest.fixture
def anna(jmap: Caller) -> Anna:
    return anna_of(jmap)


@attrs.define
class Within:
    """Anna on the workers' side, where what nobody is told can be seen."""

    anna: Anna
    engine: Engine

    def waiting(self) -> list[Any]:
        """What waits to be sent to other servers: the recipients and the message, which is stored."""
        rows = self.engine.store.database.connection.execute(
            "SELECT envelope, data FROM queue JOIN blobs ON blobs.hash = queue.blob ORDER BY id"
        ).fetchall()
        return [([one["email"] for one in orjson.loads(envelope)["rcptTo"]], data.decode()) for envelope, data in rows]

    def sweep(self) -> None:
        """Forget all blobs that nothing refers to; the uploads' time is over."""
        self.engine.store.database.connection.execute("DELETE FROM uploads")
        self.engine.prepared("sweep", b"", step="texts", at=None)
        self.engine.prepared("sweep", b"", step="blobs", at=None)


@pytest.fixture
def within(inside: Engine) -> Within:
    return Within(anna_of(inside), inside)


def envelope(*to: str, mail_from: str = "anna@localhost") -> dict[str, Any]:
    return {"mailFrom": {"email": mail_from}, "rcptTo": [{"email": one, "parameters": None} for one in to]}


def test_rfc8621_7_mail_for_an_account_of_this_server_is_delivered_at_once(anna: Anna) -> None:
    made = anna.send(anna.draft(), envelope=envelope(BEN))
    assert made["undoStatus"] == "final"
    status = made["deliveryStatus"][anna.ben.address]
    assert (status["delivered"], status["displayed"]) == ("yes", "unknown")
    (email,) = anna.received()
    assert email["subject"] == "lunch"
    assert email["keywords"] == {}
    boxes = {one["id"]: one for one in anna.ben.call("Mailbox/get")["list"]}
    ((inbox, _),) = email["mailboxIds"].items()
    assert (boxes[inbox]["role"], boxes[inbox]["unreadEmails"]) == ("inbox", 1)


def test_whoever_listens_to_either_account_hears_of_a_delivery(within: Within) -> None:
    anna = within.anna
    anna.send(anna.draft(), envelope=envelope(BEN))
    assert within.engine.last is not None
    changed = within.engine.last.changed
    assert {"Email", "Mailbox", "Thread"} <= changed[anna.ben.account].keys()
    assert list(changed[anna.jmap.account]) == ["EmailSubmission"]


def test_rfc8621_7_5_bcc_is_removed_and_what_delivery_adds_is_there(anna: Anna) -> None:
    anna.send(anna.draft(), envelope=envelope(BEN))
    (email,) = anna.received()
    assert email["bcc"] is None
    head, _, text = email["raw"].partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[0] == anna.named("Return-Path: <anna@localhost>")
    assert lines[1].startswith("Received: by ")
    assert "secret" not in head
    assert "hidden" not in head
    assert text == "Bcc: this is text\r\n"
    assert email["messageId"] == ["1@x"]


def test_rfc6409_8_a_date_and_a_message_id_are_added_where_they_are_missing(anna: Anna) -> None:
    anna.send(anna.draft("From: anna@localhost\r\nBcc: ben@localhost\r\n\r\nhello"))
    (email,) = anna.received()
    assert email["sentAt"]
    assert len(email["messageId"]) == 1


def test_rfc8621_7_the_envelope_is_made_from_the_email(anna: Anna) -> None:
    raw = "From: anna@localhost\r\nTo: a@example.com, B@example.com\r\nCc: b@example.com\r\nBcc: c@example.com\r\n\r\n"
    made = anna.send(anna.draft(raw))
    assert made["envelope"]["mailFrom"] == {"email": anna.jmap.address, "parameters": None}
    to = [one["email"].lower() for one in made["envelope"]["rcptTo"]]
    assert to == ["a@example.com", "b@example.com", "c@example.com"]


def test_rfc8621_7_what_goes_to_other_servers_waits_and_can_be_canceled(anna: Anna) -> None:
    made = anna.send(anna.draft(), envelope=envelope("x@example.com"))
    assert (made["undoStatus"], made["deliveryStatus"]["x@example.com"]["delivered"]) == ("pending", "queued")
    said = anna.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})
    assert list(said["updated"]) == [made["id"]]
    (kept,) = anna.call("EmailSubmission/get", ids=[made["id"]])["list"]
    assert (kept["undoStatus"], kept["deliveryStatus"]["x@example.com"]["delivered"]) == ("canceled", "no")
    # once more changes nothing
    assert anna.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})["notUpdated"] is None


def test_what_is_canceled_waits_no_more(within: Within) -> None:
    made = within.anna.send(within.anna.draft(), envelope=envelope("x@example.com"))
    assert within.waiting() == [(["x@example.com"], DRAFT)]
    within.anna.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})
    assert within.waiting() == []


def test_rfc8621_7_5_neither_the_emails_nor_the_submissions_end_changes_what_is_sent(within: Within) -> None:
    anna = within.anna
    email = anna.draft()
    made = anna.send(email, envelope=envelope("x@example.com", BEN))
    assert within.waiting() == [(["x@example.com"], DRAFT)]
    anna.call("EmailSubmission/set", destroy=[made["id"]], onSuccessDestroyEmail=[made["id"]])
    assert anna.jmap.call("Email/get", ids=[email])["notFound"] == [email]
    within.sweep()
    assert within.waiting() == [(["x@example.com"], DRAFT)]


def test_rfc8621_7_5_what_has_reached_somebody_cannot_be_unsent(anna: Anna) -> None:
    made = anna.send(anna.draft(), envelope=envelope(BEN, "x@example.com"))
    assert made["undoStatus"] == "final"
    said = anna.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})
    assert said["notUpdated"][made["id"]]["type"] == "cannotUnsend"


def test_rfc8621_7_an_address_of_ours_that_nobody_has_is_told(anna: Anna) -> None:
    made = anna.send(anna.draft(), envelope=envelope("nobody@localhost", BEN))
    status = made["deliveryStatus"]["nobody@localhost"]
    assert status["delivered"] == "no"
    assert status["smtpReply"].startswith("550 5.1.1 ")
    assert len(anna.received()) == 1


@pytest.mark.parametrize(
    ("raw", "properties", "error"),
    [
        (DRAFT, {"envelope": envelope(BEN, mail_from="ben@localhost")}, {"type": "forbiddenMailFrom"}),
        (DRAFT, {"envelope": envelope()}, {"type": "noRecipients"}),
        ("From: anna@localhost\r\n\r\nx", {}, {"type": "noRecipients"}),
        (
            DRAFT,
            {"envelope": envelope("no address")},
            {"type": "invalidRecipients", "invalidRecipients": ["no address"]},
        ),
        (
            DRAFT,
            {"envelope": envelope(*(f"{number}@example.com" for number in range(MAX_RECIPIENTS + 1)))},
            {"type": "tooManyRecipients", "maxRecipients": MAX_RECIPIENTS},
        ),
        ("To: ben@localhost\r\n\r\nx", {}, {"type": "invalidEmail", "properties": ["from"]}),
        (
            "From: a@b, anna@localhost\r\nTo: ben@localhost\r\n\r\nx",
            {},
            {"type": "invalidEmail", "properties": ["from"]},
        ),
        ("From: ben@localhost\r\nTo: ben@localhost\r\n\r\nx", {}, {"type": "forbiddenFrom"}),
        ("From: anna@localhost\r\nSender: ben@localhost\r\nTo: a@b\r\n\r\nx", {}, {"type": "forbiddenFrom"}),
        (DRAFT, {"identityId": "i99999"}, {"type": "invalidProperties", "properties": ["identityId"]}),
        (DRAFT, {"emailId": "e99999"}, {"type": "invalidProperties", "properties": ["emailId"]}),
        (DRAFT, {"emailId": None}, {"type": "invalidProperties", "properties": ["emailId"]}),
        (DRAFT, {"sendAt": "2026-01-01T00:00:00Z"}, {"type": "invalidProperties", "properties": ["sendAt"]}),
        (DRAFT, {"undoStatus": "final"}, {"type": "invalidProperties", "properties": ["undoStatus"]}),
        (DRAFT, {"envelope": {}}, {"type": "invalidProperties", "properties": ["envelope"]}),
        (
            DRAFT,
            {"envelope": {"mailFrom": {"email": "anna@localhost", "parameters": {"HOLDFOR": "1"}}, "rcptTo": []}},
            {"type": "invalidProperties", "properties": ["envelope"]},
        ),
    ],
)
def test_rfc8621_7_5_what_cannot_be_sent_is_refused(
    anna: Anna, raw: str, properties: dict[str, Any], error: dict[str, Any]
) -> None:
    refused = anna.send(anna.draft(raw), **properties)
    assert {name: refused.get(name) for name in error} == error
    assert anna.received() == []


def test_rfc8621_7_5_on_success_a_single_implicit_email_set_follows(anna: Anna) -> None:
    first, second, third = anna.draft(), anna.draft(DRAFT + "2"), anna.draft(DRAFT + "3")
    boxes = anna.jmap.mailboxes
    create = {
        name: {"identityId": anna.identity, "emailId": email, "envelope": envelope(to)}
        for name, email, to in (("a", first, BEN), ("b", second, BEN), ("c", third, "no address"))
    }
    patch = {f"mailboxIds/{boxes['Drafts']}": None, f"mailboxIds/{boxes['Sent']}": True, "keywords/$draft": None}
    submitted, done = anna.responses(
        "EmailSubmission/set",
        create=create,
        onSuccessUpdateEmail={"#a": patch, "#c": patch},
        onSuccessDestroyEmail=["#b"],
    )
    assert set(submitted[1]["created"]) == {"a", "b"}
    assert (done[0], done[2]) == ("Email/set", "0")
    assert (done[1]["updated"], done[1]["destroyed"]) == ({first: None}, [second])
    (email,) = anna.jmap.call("Email/get", ids=[first])["list"]
    assert (email["mailboxIds"], email["keywords"]) == ({boxes["Sent"]: True}, {})


def test_rfc8621_7_5_on_success_holds_for_updates_and_destruction_too(anna: Anna) -> None:
    made = [anna.send(anna.draft(DRAFT + str(number)), envelope=envelope("x@example.com")) for number in range(2)]
    ids = [one["id"] for one in made]
    _, done = anna.responses(
        "EmailSubmission/set",
        update={ids[0]: {"undoStatus": "canceled"}},
        destroy=[ids[1]],
        onSuccessUpdateEmail={ids[0]: {"keywords/$seen": True}},
        onSuccessDestroyEmail=[ids[1]],
    )
    assert (len(done[1]["updated"]), len(done[1]["destroyed"])) == (1, 1)


def test_rfc8621_7_5_nothing_follows_where_nothing_succeeded(anna: Anna) -> None:
    create = {"k": {"identityId": anna.identity, "emailId": "e99999"}}
    assert len(anna.responses("EmailSubmission/set", create=create, onSuccessDestroyEmail=["#k"])) == 1


def test_rfc8621_7_5_an_email_is_made_and_sent_in_one_request(anna: Anna) -> None:
    for number, size in enumerate((10, 100_000)):
        email = {
            "mailboxIds": {anna.jmap.mailboxes["Drafts"]: True},
            "from": [{"email": anna.jmap.address}],
            "to": [{"email": anna.ben.address}],
            "subject": str(number),
            "textBody": [{"partId": "1", "type": "text/plain"}],
            "bodyValues": {"1": {"value": "x" * size}},
        }
        submission = {"identityId": anna.identity, "emailId": "#draft"}
        account = {"accountId": anna.jmap.account}
        said = anna.jmap.request(
            ("Email/set", {**account, "create": {"draft": email}}, "0"),
            ("EmailSubmission/set", {**account, "create": {"sent": submission}}, "1"),
            using=USING,
        )
        assert said["methodResponses"][1][1]["created"], said
    assert {one["subject"] for one in anna.received()} == {"0", "1"}


def test_rfc8621_7_5_destroying_a_submission_destroys_its_record_alone(anna: Anna) -> None:
    made = anna.send(anna.draft(), envelope=envelope(BEN))
    state = anna.call("EmailSubmission/get", ids=[])["state"]
    assert anna.call("EmailSubmission/set", destroy=[made["id"]])["destroyed"] == [made["id"]]
    assert anna.call("EmailSubmission/changes", sinceState=state)["destroyed"] == [made["id"]]
    assert len(anna.received()) == 1


def test_rfc8621_7_5_a_submission_stays_when_its_email_is_destroyed(anna: Anna) -> None:
    email = anna.draft()
    made = anna.send(email, envelope=envelope("x@example.com"))
    anna.jmap.call("Email/set", destroy=[email])
    (kept,) = anna.call("EmailSubmission/get", ids=[made["id"]])["list"]
    assert (kept["emailId"], kept["undoStatus"]) == (email, "pending")


def test_rfc8621_7_3_query_and_query_changes(anna: Anna) -> None:
    emails = [anna.draft(f"{DRAFT}{number}") for number in range(3)]
    ids = [anna.send(email, envelope=envelope("x@example.com"))["id"] for email in emails]
    found = anna.call("EmailSubmission/query", filter={"emailIds": emails[1:]}, sort=[{"property": "emailId"}])
    assert set(found["ids"]) == set(ids[1:])
    for filter, expected in (
        ({"identityIds": [anna.identity]}, ids),
        ({"identityIds": []}, []),
        ({"undoStatus": "final"}, []),
        ({"before": "2000-01-01T00:00:00Z"}, []),
        ({"after": "2000-01-01T00:00:00Z"}, ids),
        ({"operator": "NOT", "conditions": [{"emailIds": emails[:1]}]}, ids[1:]),
    ):
        assert anna.call("EmailSubmission/query", filter=filter)["ids"] == expected, filter
    pending = {"filter": {"undoStatus": "pending"}}
    state = anna.call("EmailSubmission/query", **pending)["queryState"]
    anna.call("EmailSubmission/set", update={ids[0]: {"undoStatus": "canceled"}})
    changes = anna.call("EmailSubmission/queryChanges", sinceQueryState=state, **pending)
    assert (changes["removed"], changes["added"]) == ([ids[0]], [])
    wrong = anna.responses("EmailSubmission/query", filter={"threadIds": "t1"})
    assert wrong[0][1]["type"] == "invalidArguments"


def test_rfc8621_7_3_sorting(anna: Anna) -> None:
    emails = [anna.draft(f"{DRAFT}{number}") for number in range(3)]
    sent = [anna.send(email, envelope=envelope("x@example.com")) for email in emails]
    for name, property in (("emailId", "emailId"), ("threadId", "threadId"), ("sentAt", "sendAt")):
        key = {one["id"]: one[property] for one in anna.call("EmailSubmission/get")["list"]}
        for ascending in (True, False):
            sort = [{"property": name, "isAscending": ascending}]
            found = [key[id] for id in anna.call("EmailSubmission/query", sort=sort)["ids"]]
            assert found == sorted(found, reverse=not ascending)
            assert len(found) == len(sent)


def test_rfc8621_7_send_at_is_the_moment_it_was_made(anna: Anna) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    made = anna.send(anna.draft(), envelope=envelope(BEN))
    assert before <= datetime.fromisoformat(made["sendAt"]) <= datetime.now(UTC)
    assert anna.call("EmailSubmission/get", ids=[made["id"]])["list"][0]["sendAt"] == made["sendAt"]


def test_rfc8621_7_statuses_are_among_those_there_are(anna: Anna) -> None:
    made = [anna.send(anna.draft(), envelope=envelope(to)) for to in (BEN, "nobody@localhost", "x@example.com")]
    anna.call("EmailSubmission/set", update={made[2]["id"]: {"undoStatus": "canceled"}})
    reply = re.compile(r"\d{3} \d\.\d{1,3}\.\d{1,3} \S.*")
    for one in [*made, *anna.call("EmailSubmission/get")["list"]]:
        assert one["undoStatus"] in ("pending", "final", "canceled")
        for status in one["deliveryStatus"].values():
            assert status["delivered"] in ("queued", "yes", "no", "unknown")
            assert status["displayed"] in ("unknown", "yes")
            assert reply.fullmatch(status["smtpReply"])


def test_rfc8621_7_5_a_message_that_is_too_large_to_be_sent_is_told_the_size(within: Within) -> None:
    anna, jmap = within.anna, within.engine
    blob = jmap.upload(b"x" * (MAX_SIZE * 3 // 4))
    address = [{"email": jmap.address}]
    attached = [{"blobId": blob, "type": "application/octet-stream"}]
    draft = {"mailboxIds": {jmap.mailboxes["Drafts"]: True}, "from": address, "to": address, "attachments": attached}
    made = jmap.call("Email/set", create={"k": draft})["created"]["k"]
    assert made["size"] > MAX_SIZE
    assert anna.send(made["id"]) == {"type": "tooLarge", "maxSize": MAX_SIZE}


def test_the_capability_opens_the_methods(anna: Anna) -> None:
    ((_, said, _),) = anna.jmap.request(("EmailSubmission/get", {"accountId": anna.jmap.account}, "0"))[
        "methodResponses"
    ]
    assert said["type"] == "unknownMethod"
