"""What each change is pushed as (RFC 8621 section 1.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jmapd.protocol.capabilities import CORE, MAIL, SUBMISSION, VACATION_RESPONSE
from tests.engine import Engine
from tests.remote import Remote
from tests.system.server import Server, Socket

USING = [CORE, MAIL, SUBMISSION, VACATION_RESPONSE]
RAW = b"From: anna@localhost\r\nTo: anna@localhost\r\nSubject: s\r\n\r\nhello\r\n"


@pytest.fixture
def remote(common_server: Server) -> Iterator[Remote]:
    made = Remote(common_server, "http")
    yield made
    made.close()


def pushed(socket: Socket, account: str, type: str) -> str:
    """The state of a type that a push tells, which tells of no other."""
    ((told, states),) = socket.push()["changed"].items()
    assert (told, list(states)) == (account, [type])
    state: str = states[type]
    return state


def test_rfc8621_1_5_an_email_that_is_added_is_an_email_delivery_and_nothing_else_is(
    common_server: Server, remote: Remote
) -> None:
    socket = common_server.socket(remote.address)
    socket.enable(types=["EmailDelivery"])
    # it is listened to when this is answered
    socket.request()
    email = remote.import_message(RAW)
    first = pushed(socket, remote.account, "EmailDelivery")
    boxes = {remote.mailboxes["Archive"]: True}
    remote.call("Email/set", update={email: {"keywords/$seen": True, "mailboxIds": boxes}})
    remote.call("Email/set", destroy=[email])
    remote.import_message(RAW)
    assert pushed(socket, remote.account, "EmailDelivery") != first
    socket.close()


def changed(inside: Engine, name: str, **arguments: Any) -> set[str]:
    """The types of the own account that a call is pushed as."""
    inside.request((name, {"accountId": inside.account, **arguments}, "0"), using=USING)
    assert inside.last is not None
    return set(inside.last.changed.get(inside.account, ()))


def test_rfc8621_1_5_a_change_of_each_type_is_pushed(inside: Engine) -> None:
    email = inside.import_message(RAW)
    assert inside.last is not None
    assert set(inside.last.changed[inside.account]) == {"Email", "EmailDelivery", "Mailbox", "Thread"}
    keyword = {email: {"keywords/$flagged": True}}
    assert changed(inside, "Email/set", update=keyword) == {"Email"}
    assert changed(inside, "Email/set", update={email: {"keywords/$seen": True}}) == {"Email", "Mailbox"}
    assert changed(inside, "Mailbox/set", create={"k": {"name": "new"}}) == {"Mailbox"}
    assert changed(inside, "Identity/set", create={"k": {"email": inside.address}}) == {"Identity"}
    away = {"singleton": {"isEnabled": True}}
    assert changed(inside, "VacationResponse/set", update=away) == {"VacationResponse"}
    ((_, said, _),) = inside.request(("Identity/get", {"accountId": inside.account}, "0"), using=USING)[
        "methodResponses"
    ]
    envelope = {"mailFrom": {"email": inside.address}, "rcptTo": [{"email": "x@example.com"}]}
    submission = {"identityId": said["list"][0]["id"], "emailId": email, "envelope": envelope}
    assert changed(inside, "EmailSubmission/set", create={"k": submission}) == {"EmailSubmission"}
    assert changed(inside, "Email/set", destroy=[email]) == {"Email", "Mailbox", "Thread"}
