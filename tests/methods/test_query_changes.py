"""RFC 8620 section 5.6: what became of a query's results. That it is right, tests/methods/test_email_query.py proves."""

from __future__ import annotations

from typing import Any

from tests.caller import Caller


def message(number: int) -> bytes:
    return f"Subject: {number}\r\nMessage-ID: <{number}@x>\r\n\r\nb\r\n".encode()


def imported(jmap: Caller, *numbers: int) -> list[str]:
    return [jmap.import_message(message(one), receivedAt=f"2025-01-0{one}T00:00:00Z") for one in numbers]


def test_rfc8620_5_6_what_is_new_has_its_index(jmap: Caller) -> None:
    old = jmap.call("Email/query")
    first, second = imported(jmap, 1, 2)
    said = jmap.call("Email/queryChanges", sinceQueryState=old["queryState"])
    assert said == {
        "accountId": jmap.account,
        "oldQueryState": old["queryState"],
        "newQueryState": jmap.call("Email/query")["queryState"],
        "removed": [],
        "added": [{"id": second, "index": 0}, {"id": first, "index": 1}],
    }


def test_rfc8620_5_6_what_is_behind_up_to_id_is_left_out(jmap: Caller) -> None:
    (old,) = imported(jmap, 5)
    state = jmap.call("Email/query")["queryState"]
    new, late = imported(jmap, 6, 4)
    arguments: dict[str, Any] = {"sinceQueryState": state, "upToId": old}
    assert jmap.call("Email/queryChanges", **arguments)["added"] == [{"id": new, "index": 0}]
    # in a Mailbox it may change, so that it is ignored
    arguments["filter"] = {"inMailbox": jmap.mailboxes["Inbox"]}
    added = jmap.call("Email/queryChanges", **arguments)["added"]
    assert added == [{"id": new, "index": 0}, {"id": late, "index": 2}]


def test_rfc8620_5_6_a_change_does_not_move_what_is_sorted_by_what_never_changes(jmap: Caller) -> None:
    (id,) = imported(jmap, 1)
    state = jmap.call("Email/query")["queryState"]
    jmap.call("Email/set", update={id: {"keywords/$seen": True}})
    said = jmap.call("Email/queryChanges", sinceQueryState=state)
    assert (said["removed"], said["added"]) == ([], [])
    seen = {"hasKeyword": "$seen"}
    said = jmap.call("Email/queryChanges", sinceQueryState=state, filter=seen)
    assert (said["removed"], said["added"]) == ([id], [{"id": id, "index": 0}])


def test_rfc8620_5_6_too_many_changes(jmap: Caller) -> None:
    state = jmap.call("Email/query")["queryState"]
    imported(jmap, 1, 2)
    arguments = {"sinceQueryState": state}
    assert jmap.error("Email/queryChanges", **arguments, maxChanges=1)["type"] == "tooManyChanges"
    assert len(jmap.call("Email/queryChanges", **arguments, maxChanges=2)["added"]) == 2


def test_rfc8620_5_6_a_state_that_is_none_of_ours(jmap: Caller) -> None:
    assert jmap.error("Email/queryChanges", sinceQueryState="made-up")["type"] == "cannotCalculateChanges"
    assert jmap.error("Email/queryChanges")["type"] == "invalidArguments"
    tree = {"sinceQueryState": jmap.call("Mailbox/query")["queryState"], "sortAsTree": True}
    assert jmap.error("Mailbox/queryChanges", **tree)["type"] == "cannotCalculateChanges"
    assert jmap.call("Mailbox/query", sortAsTree=True)["canCalculateChanges"] is False


def test_rfc8621_2_4_query_changes_of_mailboxes(jmap: Caller) -> None:
    query: dict[str, Any] = {"sort": [{"property": "name"}], "filter": {"hasAnyRole": False}}
    made = jmap.call("Mailbox/set", create={name: {"name": name} for name in "bd"})["created"]
    state = jmap.call("Mailbox/query", **query)["queryState"]
    new = jmap.call("Mailbox/set", create={"c": {"name": "c"}}, update={made["d"]["id"]: {"name": "a"}})
    said = jmap.call("Mailbox/queryChanges", sinceQueryState=state, calculateTotal=True, **query)
    assert said["total"] == 3
    left = [one["id"] for one in made.values() if one["id"] not in said["removed"]]
    for one in said["added"]:
        left.insert(one["index"], one["id"])
    assert left == jmap.call("Mailbox/query", **query)["ids"]
    assert left == [made["d"]["id"], made["b"]["id"], new["created"]["c"]["id"]]
