"""Email/copy, and with it /copy as it is for all types (RFC 8620 section 5.4, RFC 8621 section 4.7)."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from tests.caller import Caller

MESSAGE = b"From: anna@localhost\r\nSubject: plans\r\nMessage-ID: <1@x>\r\n\r\nwalrus\r\n"


@attrs.frozen
class Two:
    """Ben, who sees Anna's account beside his own.

    :param jmap: what Ben calls.
    :param owner: what Anna calls, who has the account that is shared.
    :param email: in Anna's Inbox.
    """

    jmap: Caller
    owner: Caller
    anna: str
    ben: str
    inbox: str
    email: str

    def share(self, *, read_only: bool) -> None:
        """Let Ben see Anna's account."""
        self.owner.administer("account_share", name=self.owner.address, other=self.jmap.address, read_only=read_only)

    def copy(self, create: dict[str, Any], **arguments: Any) -> list[Any]:
        """Email/copy from Anna's account to Ben's; what is answered."""
        whole = {"fromAccountId": self.anna, "accountId": self.ben, "create": create, **arguments}
        responses: list[Any] = self.jmap.request(("Email/copy", whole, "c"))["methodResponses"]
        return responses

    def copied(self, **properties: Any) -> dict[str, Any]:
        """One Email copied; all its properties."""
        one = {"id": self.email, "mailboxIds": {self.inbox: True}, **properties}
        ((_, said, _),) = self.copy({"k": one})
        found = self.jmap.call("Email/get", accountId=self.ben, ids=[said["created"]["k"]["id"]])["list"]
        email: dict[str, Any] = found[0]
        return email


@pytest.fixture
def two(jmap: Caller) -> Two:
    email = jmap.import_message(MESSAGE, keywords={"$flagged": True}, receivedAt="2024-01-02T03:04:05Z")
    ben = jmap.another("ben")
    made = Two(ben, jmap, jmap.account, ben.account, ben.mailboxes["Inbox"], email)
    made.share(read_only=False)
    return made


def test_rfc8621_4_7_a_copy_has_the_originals_properties(two: Two) -> None:
    (original,) = two.jmap.call("Email/get", accountId=two.anna, ids=[two.email])["list"]
    email = two.copied()
    own = {"id", "threadId", "mailboxIds"}
    assert {name: value for name, value in email.items() if name not in own} == {
        name: value for name, value in original.items() if name not in own
    }
    assert email["mailboxIds"] == {two.inbox: True}
    # it is found there, and has its blob there
    found = two.jmap.call("Email/query", accountId=two.ben, filter={"text": "walrus"})["ids"]
    assert found == [email["id"]]
    assert two.jmap.download(email["blobId"]) == MESSAGE


def test_rfc8621_4_7_mailboxes_keywords_and_received_at_can_be_others(two: Two) -> None:
    email = two.copied(keywords={"$seen": True}, receivedAt="2025-01-01T00:00:00Z")
    assert (email["keywords"], email["receivedAt"]) == ({"$seen": True}, "2025-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"subject": "other"}, ["subject"]),
        ({"mailboxIds": None}, ["mailboxIds"]),
        ({"mailboxIds": {"m99999": True}}, ["mailboxIds"]),
        ({"keywords": {"a b": True}}, ["keywords"]),
        ({"receivedAt": "yesterday"}, ["receivedAt"]),
        ({"id": 1}, ["id"]),
    ],
)
def test_rfc8621_4_7_what_else_is_given_is_refused(two: Two, changed: dict[str, Any], wrong: list[str]) -> None:
    ((_, said, _),) = two.copy({"k": {"id": two.email, "mailboxIds": {two.inbox: True}, **changed}})
    assert said["created"] is None
    assert said["notCreated"]["k"]["type"] == "invalidProperties"
    assert said["notCreated"]["k"]["properties"] == wrong
    assert said["oldState"] == said["newState"]


def test_rfc8620_5_4_what_is_copied_has_an_id(two: Two) -> None:
    for id in ({}, {"id": None}, {"id": 5}):
        ((_, said, _),) = two.copy({"k": {**id, "mailboxIds": {two.inbox: True}}})
        refused = said["notCreated"]["k"]
        assert (refused["type"], refused["properties"]) == ("invalidProperties", ["id"])


def test_rfc8620_5_4_what_is_not_there_is_not_found(two: Two) -> None:
    for id in ("e99999", "nonsense", "#k"):
        ((_, said, _),) = two.copy({"k": {"id": id, "mailboxIds": {two.inbox: True}}})
        assert said["notCreated"]["k"]["type"] == "notFound"


def test_rfc8620_5_4_states_and_accounts_are_checked(two: Two) -> None:
    one = {"k": {"id": two.email, "mailboxIds": {two.inbox: True}}}
    wrong: list[tuple[dict[str, Any], str | None]] = [
        ({"ifInState": "x"}, "stateMismatch"),
        ({"ifFromInState": "x"}, "stateMismatch"),
        ({"fromAccountId": two.ben}, "invalidArguments"),
        ({"fromAccountId": "a99999"}, "fromAccountNotFound"),
        ({"accountId": "a99999"}, "accountNotFound"),
        ({"create": None}, None),
        ({"create": {"k": 1}}, "invalidArguments"),
        ({"more": 1}, "invalidArguments"),
        ({"create": {str(number): {} for number in range(501)}}, "requestTooLarge"),
    ]
    for arguments, expected in wrong:
        ((name, said, _),) = two.copy(**{"create": one, **arguments})
        assert (name == "error", said.get("type")) == (expected is not None, expected), arguments
        # a name that leads nowhere is said, whichever of the two it is
        assert ("'a99999'" in said.get("description", "")) == ("a99999" in arguments.values())
    states = {
        "ifInState": two.jmap.call("Email/get", accountId=two.ben, ids=[])["state"],
        "ifFromInState": two.jmap.call("Email/get", accountId=two.anna, ids=[])["state"],
    }
    assert two.copy(one, **states)[0][1]["created"]


def test_rfc8620_5_4_the_originals_are_destroyed_afterwards_by_an_implicit_set(two: Two) -> None:
    create = {
        "k": {"id": two.email, "mailboxIds": {two.inbox: True}},
        "l": {"id": "nothing", "mailboxIds": {two.inbox: True}},
    }
    first, second = two.copy(create, onSuccessDestroyOriginal=True)
    assert (first[0], second[0], second[2]) == ("Email/copy", "Email/set", "c")
    assert second[1]["accountId"] == two.anna
    assert second[1]["destroyed"] == [two.email]
    assert two.jmap.call("Email/get", accountId=two.anna, ids=[two.email])["notFound"] == [two.email]
    assert set(first[1]["created"]) == {"k"}


def test_rfc8620_5_4_a_state_that_does_not_match_keeps_the_originals(two: Two) -> None:
    one = {"k": {"id": two.email, "mailboxIds": {two.inbox: True}}}
    first, second = two.copy(one, onSuccessDestroyOriginal=True, destroyFromIfInState="x")
    assert first[1]["created"]
    assert (second[0], second[1]["type"]) == ("error", "stateMismatch")
    assert two.jmap.call("Email/get", accountId=two.anna, ids=[two.email])["notFound"] == []


def test_rfc8620_5_4_nothing_follows_where_nothing_was_copied(two: Two) -> None:
    assert len(two.copy({"k": {"id": "nothing"}}, onSuccessDestroyOriginal=True)) == 1


def test_rfc8620_5_4_the_copy_can_be_named_by_its_creation_id(two: Two) -> None:
    whole = {
        "fromAccountId": two.anna,
        "accountId": two.ben,
        "create": {"k": {"id": two.email, "mailboxIds": {two.inbox: True}}},
    }
    update = {"accountId": two.ben, "update": {"#k": {"keywords": {}}}}
    said = two.jmap.request(("Email/copy", whole, "0"), ("Email/set", update, "1"), createdIds={})
    id = said["createdIds"]["k"]
    assert said["methodResponses"][1][1]["updated"] == {id: None}


def test_a_read_only_account_can_be_copied_from_and_not_to(two: Two) -> None:
    two.share(read_only=True)
    one = {"k": {"id": two.email, "mailboxIds": {two.inbox: True}}}
    assert two.copy(one)[0][1]["created"]
    ((_, said, _),) = two.copy(one, onSuccessDestroyOriginal=True)
    assert said["type"] == "accountReadOnly"
    ((_, said, _),) = two.copy(one, fromAccountId=two.ben, accountId=two.anna)
    assert said["type"] == "accountReadOnly"
