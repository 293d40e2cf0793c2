"""Quota (RFC 9425), and what is refused where there is no room."""

from __future__ import annotations

from typing import Any

import pytest

from jmapd.protocol.capabilities import CORE, MAIL, QUOTA, SUBMISSION
from tests.caller import Caller
from tests.engine import Engine

ANNA = "anna@localhost"
MESSAGE = b"From: a@b\r\nSubject: x\r\n\r\nhello\r\n"


class Calling:
    """Calls methods on Anna's account."""

    def __init__(self, jmap: Caller) -> None:
        self.jmap = jmap

    def __call__(self, name: str, *, using: tuple[str, ...] = (CORE, MAIL, QUOTA), **arguments: Any) -> dict[str, Any]:
        whole = {"accountId": self.jmap.account, **arguments}
        said = self.jmap.request((name, whole, "0"), using=list(using))
        answer: dict[str, Any] = said["methodResponses"][0][1]
        return answer

    def bound(self, **bounds: Any) -> dict[str, Any]:
        return self.jmap.administer("account_quota", name=self.jmap.address, **bounds)

    def used(self) -> dict[str, int]:
        return {one["resourceType"]: one["used"] for one in self("Quota/get")["list"]}


@pytest.fixture
def call(jmap: Caller) -> Calling:
    return Calling(jmap)


def refused(jmap: Caller, raw: bytes = MESSAGE) -> str:
    """The type of the error that importing a message gives."""
    email = {"blobId": jmap.upload(raw, "message/rfc822"), "mailboxIds": {jmap.mailboxes["Inbox"]: True}}
    said = jmap.call("Email/import", emails={"k": email})
    return str((said["notCreated"] or {"k": {"type": ""}})["k"]["type"])


def test_without_bounds_there_are_no_quotas_and_what_is_used_is_counted(call: Calling) -> None:
    call.jmap.import_message(MESSAGE)
    assert call("Quota/get")["list"] == []
    assert call.bound() == {"emails": 1, "size": len(MESSAGE), "max_emails": None, "max_size": None}


def test_a_quota_that_was_gone_and_is_there_again_is_told_as_created(call: Calling) -> None:
    call.bound(size=1000)
    call.bound(size=None)
    state = call("Quota/get")["state"]
    call.bound(size=2000)
    said = call("Quota/changes", sinceState=state)
    assert (said["created"], said["updated"], said["destroyed"]) == (["q1"], [], [])


def test_rfc9425_4_1_a_quota_has_all_its_properties(call: Calling) -> None:
    call.jmap.import_message(MESSAGE)
    call.bound(size=1000)
    assert call("Quota/get")["list"] == [
        {
            "id": "q1",
            "resourceType": "octets",
            "used": len(MESSAGE),
            "hardLimit": 1000,
            "scope": "account",
            "name": "Size of all mail",
            "types": ["Email"],
            "warnLimit": None,
            "softLimit": None,
            "description": None,
        }
    ]


def test_rfc9425_4_1_types_that_using_leaves_out_are_not_shown(call: Calling) -> None:
    call.bound(emails=10)
    without = (CORE, QUOTA)
    assert call("Quota/get", using=without)["list"] == []
    assert call("Quota/get", using=without, ids=["q2"])["notFound"] == ["q2"]
    assert call("Quota/query", using=without)["ids"] == []


def test_rfc9425_6_what_is_used_changes_with_the_emails_and_is_told(call: Calling) -> None:
    call.bound(size=10_000, emails=10)
    state = call("Quota/get")["state"]
    email = call.jmap.import_message(MESSAGE)
    changes = call("Quota/changes", sinceState=state)
    assert (set(changes["updated"]), changes["updatedProperties"]) == ({"q1", "q2"}, ["used"])
    assert call.used() == {"octets": len(MESSAGE), "count": 1}
    call.jmap.call("Email/set", destroy=[email])
    assert call.used() == {"octets": 0, "count": 0}
    call.bound(size=20_000)
    # something else than what is used has changed
    assert call("Quota/changes", sinceState=changes["newState"])["updatedProperties"] is None
    call.bound(size=None, emails=None)
    assert set(call("Quota/changes", sinceState=state)["destroyed"]) == {"q1", "q2"}
    assert call("Quota/set", create={})["type"] == "unknownMethod"


def test_rfc9425_5_query(call: Calling) -> None:
    call.jmap.import_message(MESSAGE)
    call.bound(size=10_000, emails=10)
    by_use = [{"property": "used", "isAscending": False}]
    found = call("Quota/query", sort=by_use)
    assert (found["ids"], found["canCalculateChanges"]) == (["q1", "q2"], False)
    for filter, ids in (
        ({"name": "size"}, ["q1"]),
        ({"resourceType": "count"}, ["q2"]),
        ({"scope": "domain"}, []),
        ({"type": "Email", "scope": "account"}, ["q1", "q2"]),
        ({"type": "Mailbox"}, []),
    ):
        assert call("Quota/query", filter=filter)["ids"] == ids
    assert call("Quota/query", filter={"name": 1})["type"] == "invalidArguments"
    assert call("Quota/queryChanges", sinceQueryState=found["queryState"])["type"] == "cannotCalculateChanges"


def test_rfc9425_6_what_is_used_is_announced(inside: Engine) -> None:
    Calling(inside).bound(emails=10)
    inside.import_message(MESSAGE)
    assert inside.last is not None
    assert "Quota" in inside.last.changed[inside.account]


def test_no_email_comes_into_a_full_account_at_the_limit_and_one_above(call: Calling) -> None:
    call.bound(emails=2)
    assert [refused(call.jmap, MESSAGE + b"%d" % number) for number in range(3)] == ["", "", "overQuota"]
    call.bound(emails=None, size=2 * len(MESSAGE) + 2 + len(MESSAGE))
    assert refused(call.jmap, MESSAGE + b"x") == "overQuota"
    assert refused(call.jmap) == ""
    assert call.bound()["emails"] == 3


def test_one_call_fills_an_account_to_the_brim_and_no_further(call: Calling) -> None:
    call.bound(emails=2)
    create = {str(number): {"mailboxIds": {call.jmap.mailboxes["Drafts"]: True}} for number in range(3)}
    said = call.jmap.call("Email/set", create=create)
    assert len(said["created"]) == 2
    ((_, error),) = said["notCreated"].items()
    assert error["type"] == "overQuota"
    # what is destroyed makes room
    call.jmap.call("Email/set", destroy=[one["id"] for one in said["created"].values()])
    assert refused(call.jmap) == ""


def test_copies_and_what_jmapctl_brings_in_are_refused_too(inside: Engine) -> None:
    jmap = inside
    email = jmap.import_message(MESSAGE)
    ben = jmap.add_user("ben@localhost")
    jmap.perform("account_share", name=ANNA, other="ben@localhost", read_only=False)
    jmap.perform("account_quota", name="ben@localhost", emails=1)
    jmap.user = 2
    inbox = next(one["id"] for one in jmap.call("Mailbox/get", accountId=ben)["list"] if one["role"] == "inbox")
    create = {name: {"id": email, "mailboxIds": {inbox: True}} for name in "ab"}
    said = jmap.call("Email/copy", fromAccountId=jmap.account, accountId=ben, create=create)
    assert said["notCreated"]["b"]["type"] == "overQuota"
    about: dict[str, Any] = {"name": "ben@localhost", "mailbox": ["Inbox"], "role": "inbox"}
    made = jmap.perform("import_read", MESSAGE + b"other", **about)
    stored = jmap.perform("import_store", made.body, **about, keywords=[], received_at=0, message=made.arguments)
    assert stored.arguments["refused"] == "overQuota"


def test_who_sends_to_a_full_account_is_told(inside: Engine) -> None:
    jmap, call = inside, Calling(inside)
    jmap.add_user("ben@localhost")
    jmap.perform("account_quota", name="ben@localhost", emails=1)
    using = (CORE, MAIL, SUBMISSION)
    identity = call("Identity/get", using=using)["list"][0]["id"]
    statuses = []
    for number in range(2):
        raw = b"From: anna@localhost\r\nTo: ben@localhost\r\n\r\n%d" % number
        create = {"k": {"identityId": identity, "emailId": jmap.import_message(raw, "Drafts")}}
        made = call("EmailSubmission/set", using=using, create=create)["created"]["k"]
        statuses.append(made["deliveryStatus"]["ben@localhost"]["delivered"])
    assert statuses == ["yes", "no"]
