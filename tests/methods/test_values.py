"""RFC 8620 section 1 as a client meets it: Ids, numbers and dates, whatever carries them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from jmapd.protocol.capabilities import CORE, MAIL, QUOTA, SUBMISSION
from tests.caller import Caller

USING = [CORE, MAIL, SUBMISSION, QUOTA]
ID = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
RAW = (
    b"From: anna@localhost\r\nSubject: s\r\nDate: Mon, 6 Jan 2025 07:00:00 +0130\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\ntext\r\n"
    b"--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner\r\n--x--\r\n"
)


def ids(value: Any, name: str = "") -> Iterator[str]:
    """All that an answer calls an Id."""
    if isinstance(value, dict):
        for key, one in value.items():
            if name == "mailboxIds":
                yield key
            yield from ids(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from ids(one, name)
    elif isinstance(value, str) and (name in ("id", "ids") or name.endswith(("Id", "Ids"))):
        yield value


def test_rfc8620_1_2_every_id_has_only_characters_of_urls(jmap: Caller) -> None:
    email = jmap.import_message(RAW)
    account = {"accountId": jmap.account}
    said = jmap.request(
        ("Email/get", {**account, "ids": [email], "properties": ["id", "blobId", "threadId", "mailboxIds"]}, "0"),
        ("Email/get", {**account, "ids": [email], "properties": ["bodyStructure"]}, "1"),
        ("Email/query", account, "2"),
        ("Identity/get", account, "3"),
        ("Mailbox/get", account, "4"),
        using=USING,
    )
    found = [*ids(said), *jmap.session()["accounts"]]
    assert len(found) > 15
    assert [one for one in found if not ID.match(one)] == []


def test_rfc8620_1_6_3_no_id_is_used_again(jmap: Caller) -> None:
    seen: list[str] = []
    for number in range(3):
        made = jmap.call("Mailbox/set", create={"a": {"name": "a"}, "b": {"name": "b"}})["created"]
        boxes = [one["id"] for one in made.values()]
        emails = [jmap.import_message(RAW) for _ in range(2)]
        seen += [*boxes, *emails]
        jmap.call("Mailbox/set", destroy=boxes)
        jmap.call("Email/set", destroy=emails)
        assert len(set(seen)) == len(seen) == 4 * (number + 1)


def test_rfc8620_1_6_2_an_account_that_is_made_again_is_another_one(jmap: Caller) -> None:
    name = f"again-{jmap.address}"
    first = jmap.add_user(name)
    jmap.administer("account_delete", name=name)
    assert jmap.add_user(name) != first


@pytest.mark.parametrize("value", [2**53, -1, 1.5, "1"])
def test_rfc8620_1_3_what_is_no_unsigned_int_is_refused(jmap: Caller, value: Any) -> None:
    assert jmap.error("Email/query", limit=value)["type"] == "invalidArguments"
    refused = jmap.call("Mailbox/set", create={"k": {"name": "n", "sortOrder": value}})["notCreated"]["k"]
    assert (refused["type"], refused["properties"]) == ("invalidProperties", ["sortOrder"])


def test_rfc8620_1_4_dates_are_given_in_their_one_form(jmap: Caller) -> None:
    email = jmap.import_message(RAW, receivedAt="2025-01-06T05:30:00.5Z")
    (found,) = jmap.call("Email/get", ids=[email], properties=["receivedAt", "sentAt"])["list"]
    assert (found["receivedAt"], found["sentAt"]) == ("2025-01-06T05:30:00.5Z", "2025-01-06T07:00:00+01:30")


@pytest.mark.parametrize("date", ["2025-01-06T05:30:00.0Z", "2025-01-06t05:30:00z", "2025-01-06T07:00:00+01:30"])
def test_rfc8620_1_4_a_date_in_another_form_is_refused(jmap: Caller, date: str) -> None:
    email = {"blobId": jmap.upload(RAW), "mailboxIds": {jmap.mailboxes["Inbox"]: True}, "receivedAt": date}
    refused = jmap.call("Email/import", emails={"k": email})["notCreated"]["k"]
    assert (refused["type"], refused["properties"]) == ("invalidProperties", ["receivedAt"])
    assert jmap.error("Email/query", filter={"before": date})["type"] == "invalidArguments"
