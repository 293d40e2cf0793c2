"""Accounts that a user may see beside their own (RFC 8620 section 1.6.2), on the workers' side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from jmapd.workers.answers import Answer
from tests.engine import Engine, engine

ANNA, BEN = "anna@localhost", "ben@localhost"


@pytest.fixture
def jmap(tmp_path: Path) -> Iterator[Engine]:
    """Anna's account is ``jmap.account``; Ben, who has one too, is who asks."""
    with engine(tmp_path) as made:
        made.add_user(BEN)
        made.user = 2
        yield made


def share(jmap: Engine, *, read_only: bool = False) -> Answer:
    return jmap.perform("account_share", name=ANNA, other=BEN, read_only=read_only)


def session(jmap: Engine) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(jmap.perform("session", user=2, name=BEN, url="https://localhost").body)
    return found


def test_rfc8620_2_a_shared_account_is_in_the_session_and_is_not_personal(jmap: Engine) -> None:
    before = session(jmap)
    assert jmap.account not in before["accounts"]
    assert share(jmap, read_only=True).accesses == (2,)
    after = session(jmap)
    assert after["state"] != before["state"]
    assert after["primaryAccounts"] == before["primaryAccounts"]
    said = after["accounts"][jmap.account]
    assert (said["name"], said["isPersonal"], said["isReadOnly"]) == (ANNA, False, True)
    share(jmap)
    assert session(jmap)["accounts"][jmap.account]["isReadOnly"] is False
    assert session(jmap)["state"] not in (before["state"], after["state"])


def test_rfc8620_3_6_2_an_account_out_of_sight_is_not_found(jmap: Engine) -> None:
    assert jmap.error("Mailbox/get")["type"] == "accountNotFound"
    share(jmap)
    assert jmap.call("Mailbox/get")["list"]
    assert jmap.perform("account_unshare", name=ANNA, other=BEN).accesses == (2,)
    assert jmap.error("Mailbox/get")["type"] == "accountNotFound"


def test_rfc8620_3_6_2_a_read_only_account_can_be_read_alone(jmap: Engine) -> None:
    share(jmap, read_only=True)
    said = jmap.call("Mailbox/get")
    assert {one["myRights"]["mayAddItems"] for one in said["list"]} == {False}
    assert jmap.error("Mailbox/set", create={"k": {"name": "new"}})["type"] == "accountReadOnly"
    assert jmap.call("Mailbox/changes", sinceState=said["state"])["created"] == []
    for operation in ("upload_finish", "upload_record"):
        answer = jmap.perform(
            operation, b"x", user=2, account=jmap.account, upload=None, type="a/b", hash="00" * 32, size=1, data=1
        )
        assert answer.arguments["refused"] == "forbidden"


def test_what_one_user_changes_the_other_sees(jmap: Engine) -> None:
    share(jmap)
    state = jmap.call("Mailbox/get")["state"]
    id = jmap.call("Mailbox/set", create={"k": {"name": "from Ben"}})["created"]["k"]["id"]
    assert jmap.last is not None
    assert list(jmap.last.changed) == [jmap.account]
    jmap.user = 1
    assert jmap.call("Mailbox/changes", sinceState=state)["created"] == [id]


def test_rfc8620_6_an_upload_is_its_users_alone_in_a_shared_account_too(jmap: Engine) -> None:
    share(jmap)
    blob = jmap.upload(b"Ben's")
    said = [jmap.perform("blob_open", user=user, account=jmap.account, blob=blob).arguments for user in (2, 1)]
    assert "refused" not in said[0]
    assert said[1]["refused"] == "notFound"


def test_the_states_of_all_accounts_are_told(jmap: Engine) -> None:
    own = set(jmap.perform("states", user=2).arguments["accounts"])
    share(jmap)
    assert set(jmap.perform("states", user=2).arguments["accounts"]) == own | {jmap.account}


def test_a_shared_account_that_is_deleted_goes_out_of_sight(jmap: Engine) -> None:
    share(jmap)
    before = session(jmap)["state"]
    assert jmap.perform("account_delete", name=ANNA).accesses == (2,)
    after = session(jmap)
    assert after["state"] != before
    assert jmap.account not in after["accounts"]
    # Ben keeps his own
    assert len(after["accounts"]) == 1


def test_a_user_who_is_deleted_takes_only_their_own_account_along(jmap: Engine) -> None:
    share(jmap)
    assert jmap.perform("account_delete", name=BEN).accesses == ()
    jmap.user = 1
    assert jmap.call("Mailbox/get")["list"]
    (summary,) = jmap.perform("account_list").arguments["accounts"]
    assert summary["shared"] == []


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
def test_what_cannot_be_shared_is_refused(jmap: Engine, operation: str, name: str, user: str, kind: str) -> None:
    answer = jmap.perform(operation, name=name, other=user, read_only=False)
    assert answer.arguments["refused"] == kind
