"""/query where the results are not in question but their order and their places (RFC 8620 section 5.5)."""

from __future__ import annotations

from tests.caller import Caller

BY_NAME = [{"property": "name"}]


def test_rfc8620_5_5_the_order_is_the_same_each_time(jmap: Caller) -> None:
    for number in range(6):
        jmap.import_message(b"From: a@b\r\nSubject: same\r\n\r\n%d\r\n" % number, receivedAt="2025-01-01T00:00:00Z")
    for name in ("", "subject", "receivedAt", "from"):
        sort = [{"property": name}] if name else None
        first = jmap.call("Email/query", sort=sort)["ids"]
        assert len(first) == 6
        assert [jmap.call("Email/query", sort=sort, position=at, limit=1)["ids"][0] for at in range(6)] == first


def test_rfc8620_5_5_strings_are_sorted_by_unicode_without_their_case(jmap: Caller) -> None:
    names = ["éa", "Éb", "éc", "ÉD"]
    made = jmap.call("Mailbox/set", create={name: {"name": name} for name in reversed(names)})["created"]
    ids = [made[name]["id"] for name in names]
    for collation in ({}, {"collation": "i;unicode-casemap"}):
        found = jmap.call("Mailbox/query", sort=[{"property": "name", **collation}], filter={"hasAnyRole": False})
        assert found["ids"] == ids


def test_rfc8620_5_5_an_anchor_offset_without_an_anchor_is_ignored(jmap: Caller) -> None:
    whole = jmap.call("Mailbox/query", sort=BY_NAME)
    said = jmap.call("Mailbox/query", sort=BY_NAME, position=2, anchorOffset=3)
    assert (said["position"], said["ids"]) == (2, whole["ids"][2:])


def test_rfc8620_5_5_the_query_state_changes_with_the_order_too(jmap: Caller) -> None:
    before = jmap.call("Mailbox/query", sort=BY_NAME)
    jmap.call("Mailbox/set", update={jmap.mailboxes["Archive"]: {"name": "Zebras"}})
    after = jmap.call("Mailbox/query", sort=BY_NAME)
    assert sorted(after["ids"]) == sorted(before["ids"])
    assert after["ids"] != before["ids"]
    assert after["queryState"] != before["queryState"]
