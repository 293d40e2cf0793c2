"""A credential that may only read: what the workers make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.engine import Engine, engine


@pytest.fixture
def jmap(tmp_path: Path) -> Any:
    with engine(tmp_path) as made:
        yield made


def session(jmap: Engine, *, read_only: bool) -> dict[str, Any]:
    answer = jmap.perform("session", user=1, name="anna", read_only=read_only, url="https://localhost")
    found: dict[str, Any] = orjson.loads(answer.body)
    return found


def test_rfc8620_2_every_account_is_read_only_in_the_session(jmap: Engine) -> None:
    for read_only in (False, True):
        accounts = session(jmap, read_only=read_only)["accounts"]
        assert [one["isReadOnly"] for one in accounts.values()] == [read_only]


def test_the_sessions_state_tells_the_scope_and_so_does_each_response(jmap: Engine) -> None:
    states = []
    for read_only in (False, True):
        jmap.read_only = read_only
        state = session(jmap, read_only=read_only)["state"]
        assert jmap.request(("Core/echo", {}, "0"))["sessionState"] == state
        states.append(state)
    assert states[0] != states[1]


def test_rfc8620_3_6_2_writing_methods_give_account_read_only(jmap: Engine) -> None:
    blob = jmap.upload(b"Subject: one\r\n\r\nx", "message/rfc822")
    email = jmap.import_message(b"Subject: two\r\n\r\nx")
    before = jmap.call("Email/get", ids=[])["state"]
    jmap.read_only = True
    inbox = {jmap.mailboxes["Inbox"]: True}
    for name, arguments in (
        ("Mailbox/set", {"create": {"k": {"name": "new"}}}),
        ("Mailbox/set", {}),
        ("Email/set", {"update": {email: {"keywords/$seen": True}}}),
        ("Email/set", {"create": {"k": {"mailboxIds": inbox, "subject": "three"}}}),
        ("Email/set", {"destroy": [email]}),
        ("Email/import", {"emails": {"k": {"blobId": blob, "mailboxIds": inbox}}}),
    ):
        assert jmap.error(name, **arguments) == {"type": "accountReadOnly"}
    assert jmap.error("Email/set", accountId="a99999")["type"] == "accountNotFound"
    assert jmap.call("Email/get", ids=[email])["state"] == before


def test_a_mailboxs_rights_say_so_too(jmap: Engine) -> None:
    jmap.read_only = True
    (inbox, *_) = jmap.call("Mailbox/get")["list"]
    rights = inbox["myRights"]
    assert rights["mayReadItems"]
    assert not any(may for name, may in rights.items() if name != "mayReadItems")
