"""Accounts that a user may see beside their own (RFC 8620 section 1.6.2)."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from jmapd.workers.answers import Answer
from tests.caller import Caller
from tests.engine import Engine

ANNA, BEN = "anna@localhost", "ben@localhost"


@attrs.frozen
class Two:
    """Anna, who has an account, and Ben, who has one too and may see hers."""

    anna: Caller
    ben: Caller

    def share(self, *, read_only: bool = False) -> dict[str, Any]:
        """Let Ben see Anna's account."""
        return self.anna.administer(
            "account_share", name=self.anna.address, other=self.ben.address, read_only=read_only
        )

    def unshare(self) -> None:
        """Let him see it no more."""
        self.anna.administer("account_unshare", name=self.anna.address, other=self.ben.address)

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """What Ben calls on Anna's account."""
        return self.ben.call(name, accountId=self.anna.account, **arguments)

    def error(self, name: str, **arguments: Any) -> str:
        """What kind of error he gets there."""
        error: str = self.ben.error(name, accountId=self.anna.account, **arguments)["type"]
        return error


@pytest.fixture
def two(jmap: Caller) -> Two:
    return Two(jmap, jmap.another("ben"))


def test_rfc8620_2_a_shared_account_is_in_the_session_and_is_not_personal(two: Two) -> None:
    before = two.ben.session()
    assert two.anna.account not in before["accounts"]
    two.share(read_only=True)
    after = two.ben.session()
    assert after["state"] != before["state"]
    assert after["primaryAccounts"] == before["primaryAccounts"]
    said = after["accounts"][two.anna.account]
    assert (said["name"], said["isPersonal"], said["isReadOnly"]) == (two.anna.address, False, True)
    two.share()
    last = two.ben.session()
    assert last["accounts"][two.anna.account]["isReadOnly"] is False
    assert last["state"] not in (before["state"], after["state"])


def test_rfc8620_3_6_2_an_account_out_of_sight_is_not_found(two: Two) -> None:
    assert two.error("Mailbox/get") == "accountNotFound"
    two.share()
    assert two.call("Mailbox/get")["list"]
    two.unshare()
    assert two.error("Mailbox/get") == "accountNotFound"


def test_rfc8621_9_5_what_is_of_no_account_in_sight_is_as_if_it_were_not_there(two: Two) -> None:
    email = two.anna.import_message(b"Subject: secret\r\n\r\nx")
    (shown,) = two.anna.call("Email/get", ids=[email], properties=["threadId", "blobId"])["list"]
    for name, id in (("Email", email), ("Thread", shown["threadId"])):
        assert two.ben.call(f"{name}/get", ids=[id])["notFound"] == [id]
    assert two.ben.call("Email/parse", blobIds=[shown["blobId"]])["notFound"] == [shown["blobId"]]
    assert two.ben.call("Email/query", filter={"text": "secret"})["ids"] == []
    for name in ("Email", "Thread", "Mailbox"):
        assert two.error(f"{name}/get") == "accountNotFound"


def test_rfc8620_3_6_2_a_read_only_account_can_be_read_alone(two: Two) -> None:
    two.share(read_only=True)
    said = two.call("Mailbox/get")
    assert {one["myRights"]["mayAddItems"] for one in said["list"]} == {False}
    assert two.error("Mailbox/set", create={"k": {"name": "new"}}) == "accountReadOnly"
    assert two.call("Mailbox/changes", sinceState=said["state"])["created"] == []


def test_what_one_user_changes_the_other_sees(two: Two) -> None:
    two.share()
    state = two.anna.call("Mailbox/get")["state"]
    id = two.call("Mailbox/set", create={"k": {"name": "from Ben"}})["created"]["k"]["id"]
    assert two.anna.call("Mailbox/changes", sinceState=state)["created"] == [id]


def test_a_shared_account_that_is_deleted_goes_out_of_sight(two: Two) -> None:
    two.share()
    before = two.ben.session()["state"]
    two.anna.administer("account_delete", name=two.anna.address)
    after = two.ben.session()
    assert after["state"] != before
    # Ben keeps his own
    assert list(after["accounts"]) == [two.ben.account]


def test_a_user_who_is_deleted_takes_only_their_own_account_along(two: Two) -> None:
    two.share()
    two.anna.administer("account_delete", name=two.ben.address)
    assert two.anna.call("Mailbox/get")["list"]
    accounts = two.anna.administer("account_list")["accounts"]
    assert [one["shared"] for one in accounts if one["name"] == two.anna.address] == [[]]


@pytest.fixture
def seen(inside: Engine) -> Engine:
    """Anna's account is ``seen.account``; Ben, who has one too, is who asks."""
    inside.add_user(BEN)
    inside.user = 2
    return inside


def share(seen: Engine, *, read_only: bool = False) -> Answer:
    return seen.perform("account_share", name=ANNA, other=BEN, read_only=read_only)


def test_those_are_named_whose_accounts_are_others(seen: Engine) -> None:
    assert share(seen).accesses == (2,)
    assert seen.perform("account_unshare", name=ANNA, other=BEN).accesses == (2,)
    share(seen)
    assert seen.perform("account_delete", name=ANNA).accesses == (2,)
    assert seen.perform("account_delete", name=BEN).accesses == ()


def test_what_is_changed_is_of_the_account_whoever_changes_it(seen: Engine) -> None:
    share(seen)
    seen.call("Mailbox/set", create={"k": {"name": "from Ben"}})
    assert seen.last is not None
    assert list(seen.last.changed) == [seen.account]


def test_nothing_is_uploaded_to_a_read_only_account(seen: Engine) -> None:
    share(seen, read_only=True)
    for operation in ("upload_finish", "upload_record"):
        answer = seen.perform(
            operation, b"x", user=2, account=seen.account, upload=None, type="a/b", hash="00" * 32, size=1, data=1
        )
        assert answer.arguments["refused"] == "forbidden"


def test_rfc8620_6_an_upload_is_its_users_alone_in_a_shared_account_too(seen: Engine) -> None:
    share(seen)
    blob = seen.upload(b"Ben's")
    said = [seen.perform("blob_open", user=user, account=seen.account, blob=blob).arguments for user in (2, 1)]
    assert "refused" not in said[0]
    assert said[1]["refused"] == "notFound"


def test_the_states_of_all_accounts_are_told(seen: Engine) -> None:
    own = set(seen.perform("states", user=2).arguments["accounts"])
    share(seen)
    assert set(seen.perform("states", user=2).arguments["accounts"]) == own | {seen.account}


@pytest.mark.parametrize(
    ("operation", "name", "user", "kind"),
    [
        ("account_share", ANNA, ANNA, "invalid"),
        ("account_share", ANNA, "nobody@localhost", "notFound"),
        ("account_share", "nobody@localhost", BEN, "notFound"),
        ("account_unshare", ANNA, BEN, "notFound"),
        ("account_unshare", BEN, BEN, "invalid"),
    ],
)
def test_what_cannot_be_shared_is_refused(seen: Engine, operation: str, name: str, user: str, kind: str) -> None:
    answer = seen.perform(operation, name=name, other=user, read_only=False)
    assert answer.arguments["refused"] == kind
