"""The standard methods as RFC 8620 section 5 defines them, on Mailboxes and Emails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.caller import Caller

RAW = b"From: a@b\r\nSubject: %d\r\n\r\nhello\r\n"


def make(jmap: Caller, *names: str) -> dict[str, str]:
    """Mailboxes; their Ids by name."""
    said = jmap.call("Mailbox/set", create={name: {"name": name} for name in names})
    return {name: one["id"] for name, one in said["created"].items()}


def emails(jmap: Caller, count: int) -> list[str]:
    """Emails, the oldest first."""
    return [jmap.import_message(RAW % number, receivedAt=f"2024-01-01T00:00:{number:02}Z") for number in range(count)]


def test_rfc8620_5_1_null_asks_for_all_and_an_empty_list_for_nothing(jmap: Caller) -> None:
    assert len(jmap.call("Mailbox/get", ids=None)["list"]) == len(jmap.mailboxes)
    said = jmap.call("Mailbox/get", ids=[])
    assert (said["list"], said["notFound"]) == ([], [])


def test_rfc8620_5_1_an_id_that_is_there_twice_comes_once_and_what_is_not_there_is_not_found(jmap: Caller) -> None:
    inbox = jmap.mailboxes["Inbox"]
    said = jmap.call("Mailbox/get", ids=[inbox, "m99999", inbox, "nonsense!"])
    assert [one["id"] for one in said["list"]] == [inbox]
    assert set(said["notFound"]) == {"m99999", "nonsense!"}


def test_rfc8620_5_1_only_the_properties_asked_for_and_the_id(jmap: Caller) -> None:
    for one in jmap.call("Mailbox/get", properties=["name"])["list"]:
        assert one.keys() == {"id", "name"}
    for one in jmap.call("Mailbox/get", properties=[])["list"]:
        assert one.keys() == {"id"}


def test_rfc8620_5_1_the_state_is_that_which_changes_starts_from(jmap: Caller) -> None:
    state = jmap.call("Mailbox/get")["state"]
    said = jmap.call("Mailbox/changes", sinceState=state)
    assert (said["oldState"], said["newState"], said["hasMoreChanges"]) == (state, state, False)
    made = make(jmap, "new")
    changes = jmap.call("Mailbox/changes", sinceState=state)
    assert changes["created"] == list(made.values())
    assert changes["newState"] == jmap.call("Mailbox/get")["state"] != state


def test_rfc8620_5_2_what_was_made_and_destroyed_since_is_in_neither_list(jmap: Caller) -> None:
    state = jmap.call("Mailbox/get")["state"]
    (id,) = make(jmap, "short-lived").values()
    jmap.call("Mailbox/set", destroy=[id])
    said = jmap.call("Mailbox/changes", sinceState=state)
    assert (said["created"], said["updated"], said["destroyed"]) == ([], [], [])
    assert said["newState"] != state


def test_rfc8620_5_2_an_object_is_in_one_list_alone(jmap: Caller) -> None:
    state = jmap.call("Mailbox/get")["state"]
    (id,) = make(jmap, "new").values()
    jmap.call("Mailbox/set", update={id: {"name": "renamed"}})
    said = jmap.call("Mailbox/changes", sinceState=state)
    assert (said["created"], said["updated"]) == ([id], [])
    state = said["newState"]
    jmap.call("Mailbox/set", update={id: {"name": "again"}})
    jmap.call("Mailbox/set", destroy=[id])
    said = jmap.call("Mailbox/changes", sinceState=state)
    assert (said["updated"], said["destroyed"]) == ([], [id])


@pytest.mark.parametrize("most", [1, 2, 3])
def test_rfc8620_5_2_max_changes_is_kept_and_the_states_in_between_lead_on(jmap: Caller, most: int) -> None:
    state = jmap.call("Mailbox/get")["state"]
    made = make(jmap, *"abcde")
    seen: list[str] = []
    while True:
        said = jmap.call("Mailbox/changes", sinceState=state, maxChanges=most)
        listed = [*said["created"], *said["updated"], *said["destroyed"]]
        assert len(listed) <= most
        seen += listed
        state = said["newState"]
        if not said["hasMoreChanges"]:
            break
    assert seen == list(made.values())
    assert state == jmap.call("Mailbox/get")["state"]


@pytest.mark.parametrize("state", ["", "nonsense", "00000000-1", "x-ffffff"])
def test_rfc8620_5_2_a_state_that_nobody_was_told_is_not_known(jmap: Caller, state: str) -> None:
    assert jmap.error("Mailbox/changes", sinceState=state)["type"] == "cannotCalculateChanges"


def test_rfc8620_5_2_max_changes_of_none_is_refused(jmap: Caller) -> None:
    state = jmap.call("Mailbox/get")["state"]
    for wrong in (0, -1, "1", 1.5):
        assert jmap.error("Mailbox/changes", sinceState=state, maxChanges=wrong)["type"] == "invalidArguments"


def test_rfc8620_5_3_if_in_state_that_does_not_match_changes_nothing(jmap: Caller) -> None:
    state = jmap.call("Mailbox/get")["state"]
    assert jmap.error("Mailbox/set", ifInState="other", create={"a": {"name": "a"}})["type"] == "stateMismatch"
    assert jmap.call("Mailbox/get")["state"] == state
    said = jmap.call("Mailbox/set", ifInState=state, create={"a": {"name": "a"}})
    assert said["oldState"] == state != said["newState"]


def test_rfc8620_5_3_one_that_is_refused_does_not_keep_the_others_from_being_done(jmap: Caller) -> None:
    create = {"a": {"name": "a"}, "b": {"name": ""}, "c": {"name": "c", "other": 1}}
    said = jmap.call("Mailbox/set", create=create, destroy=["m99999"], update={"m98": {"name": "x"}})
    assert list(said["created"]) == ["a"]
    errors = {name: (one["type"], one.get("properties")) for name, one in said["notCreated"].items()}
    assert errors == {"b": ("invalidProperties", ["name"]), "c": ("invalidProperties", ["other"])}
    assert said["notDestroyed"]["m99999"]["type"] == said["notUpdated"]["m98"]["type"] == "notFound"


@pytest.mark.parametrize(
    ("patch", "error"),
    [
        ({"id": "m1f"}, "invalidProperties"),
        ({"totalEmails": 7}, "invalidProperties"),
        ({"nothing": 7}, "invalidProperties"),
        ({"name": 7}, "invalidProperties"),
        ({"sortOrder": -1}, "invalidProperties"),
        ({"parentId": "m99999"}, "invalidProperties"),
    ],
)
def test_rfc8620_5_3_wrong_properties_of_an_update_are_named(jmap: Caller, patch: dict[str, Any], error: str) -> None:
    (id,) = make(jmap, "box").values()
    refused = jmap.call("Mailbox/set", update={id: patch})["notUpdated"][id]
    assert (refused["type"], refused["properties"]) == (error, list(patch))


@pytest.mark.parametrize(
    "patch",
    [
        {"keywords": {}, "keywords/$seen": True},
        {"keywords/a/b": True},
        {"mailboxIds/x/y/z": True},
        {"subject/0": "x"},
    ],
)
def test_rfc8620_5_3_paths_that_overlap_or_lead_nowhere_are_an_invalid_patch(
    jmap: Caller, patch: dict[str, Any]
) -> None:
    (id,) = emails(jmap, 1)
    refused = jmap.call("Email/set", update={id: patch})["notUpdated"][id]
    assert refused["type"] == "invalidPatch"
    assert jmap.call("Email/get", ids=[id])["list"][0]["keywords"] == {}


def test_rfc8620_5_3_null_removes_and_sets_to_the_default(jmap: Caller) -> None:
    (id,) = emails(jmap, 1)
    jmap.call("Email/set", update={id: {"keywords/$seen": True, "keywords/$flagged": True}})
    jmap.call("Email/set", update={id: {"keywords/$seen": None}})
    assert jmap.call("Email/get", ids=[id])["list"][0]["keywords"] == {"$flagged": True}
    jmap.call("Email/set", update={id: {"keywords": None}})
    assert jmap.call("Email/get", ids=[id])["list"][0]["keywords"] == {}


def test_rfc8620_5_3_what_is_destroyed_in_the_call_is_not_updated(jmap: Caller) -> None:
    (id,) = make(jmap, "box").values()
    said = jmap.call("Mailbox/set", update={id: {"name": "x"}}, destroy=[id])
    assert said["notUpdated"][id]["type"] == "willDestroy"
    assert said["destroyed"] == [id]


def test_rfc8620_5_3_too_many_objects_are_refused_and_nothing_is_done(jmap: Caller) -> None:
    state = jmap.call("Mailbox/get")["state"]
    many = {f"k{number}": {"name": f"n{number}"} for number in range(501)}
    assert jmap.error("Mailbox/set", create=many)["type"] == "requestTooLarge"
    assert jmap.call("Mailbox/get")["state"] == state


def test_rfc8620_5_3_server_set_properties_are_told(jmap: Caller) -> None:
    made = jmap.call("Mailbox/set", create={"k": {"name": "box"}})["created"]["k"]
    assert {"id", "totalEmails", "myRights", "isSubscribed", "sortOrder"} <= made.keys()
    assert "name" not in made


def test_rfc8620_5_5_positions_from_the_start_and_from_the_end(jmap: Caller) -> None:
    ids = emails(jmap, 5)
    sort = [{"property": "receivedAt"}]
    for position, expected in ((0, 0), (3, 3), (5, 5), (9, 9), (-2, 3), (-9, 0)):
        said = jmap.call("Email/query", sort=sort, position=position)
        assert (said["ids"], said["position"]) == (ids[expected:], expected)


def test_rfc8620_5_5_an_anchor_wins_over_the_position(jmap: Caller) -> None:
    ids = emails(jmap, 5)
    sort = [{"property": "receivedAt"}]
    for offset, expected in ((0, 2), (1, 3), (-1, 1), (-9, 0), (9, 11)):
        said = jmap.call("Email/query", sort=sort, position=4, anchor=ids[2], anchorOffset=offset)
        assert (said["ids"], said["position"]) == (ids[expected:], expected)
    assert jmap.error("Email/query", anchor="e99999")["type"] == "anchorNotFound"


def test_rfc8620_5_5_limit_and_total(jmap: Caller) -> None:
    emails(jmap, 5)
    said = jmap.call("Email/query", limit=2, calculateTotal=True)
    assert (len(said["ids"]), said["total"]) == (2, 5)
    assert "total" not in jmap.call("Email/query", limit=2)
    assert jmap.call("Email/query", limit=0)["ids"] == []
    assert jmap.error("Email/query", limit=-1)["type"] == "invalidArguments"
    # above the server's own limit it says its own
    assert jmap.call("Email/query", limit=10**6)["limit"] == 5000
    assert "limit" not in jmap.call("Email/query", limit=2)


def test_rfc8620_5_5_what_cannot_be_filtered_or_sorted_by_is_told(jmap: Caller) -> None:
    assert jmap.error("Email/query", filter={"nothing": 1})["type"] == "unsupportedFilter"
    assert jmap.error("Email/query", sort=[{"property": "nothing"}])["type"] == "unsupportedSort"
    by_name = [{"property": "subject", "collation": "i;unknown"}]
    assert jmap.error("Email/query", sort=by_name)["type"] == "unsupportedSort"
    filters: list[Any] = [{"operator": "XOR", "conditions": []}, {"operator": "AND"}, []]
    for wrong in filters:
        assert jmap.error("Email/query", filter=wrong)["type"] == "invalidArguments"


def test_rfc8620_5_5_operators(jmap: Caller) -> None:
    ids = emails(jmap, 3)

    def found(filter: dict[str, Any] | None) -> set[str]:
        return set(jmap.call("Email/query", filter=filter)["ids"])

    one, two = {"subject": "1"}, {"subject": "2"}
    assert found(None) == found({}) == found({"operator": "AND", "conditions": []}) == set(ids)
    assert found({"operator": "AND", "conditions": [one, two]}) == set()
    assert found({"operator": "OR", "conditions": [one, two]}) == set(ids[1:])
    assert found({"operator": "NOT", "conditions": [one, two]}) == {ids[0]}
    assert found({"operator": "OR", "conditions": []}) == set()


def test_rfc8620_5_5_the_query_state_changes_when_the_results_may_have(jmap: Caller) -> None:
    (id,) = emails(jmap, 1)
    state = jmap.call("Email/query")["queryState"]
    assert jmap.call("Email/query")["queryState"] == state
    jmap.call("Email/set", destroy=[id])
    assert jmap.call("Email/query")["queryState"] != state


def test_rfc8620_5_6_what_changed_leads_from_the_old_results_to_the_new_ones(jmap: Caller) -> None:
    ids = emails(jmap, 4)
    query: dict[str, Any] = {"sort": [{"property": "receivedAt", "isAscending": False}]}
    said = jmap.call("Email/query", **query)
    assert (said["ids"], said["canCalculateChanges"]) == (ids[::-1], True)
    jmap.call("Email/set", destroy=[ids[1]])
    new = jmap.import_message(RAW % 9, receivedAt="2024-01-02T00:00:00Z")
    changes = jmap.call("Email/queryChanges", sinceQueryState=said["queryState"], calculateTotal=True, **query)
    assert (changes["oldQueryState"], changes["total"]) == (said["queryState"], 4)
    assert changes["removed"] == [ids[1]]
    assert changes["added"] == [{"id": new, "index": 0}]
    assert changes["newQueryState"] == jmap.call("Email/query", **query)["queryState"]
    too_few = jmap.error("Email/queryChanges", sinceQueryState=said["queryState"], maxChanges=1, **query)
    assert too_few["type"] == "tooManyChanges"
    unknown = jmap.error("Email/queryChanges", sinceQueryState="nonsense", **query)
    assert unknown["type"] == "cannotCalculateChanges"


def test_rfc8620_3_7_one_call_takes_what_another_has_answered(jmap: Caller) -> None:
    emails(jmap, 2)
    account = {"accountId": jmap.account}
    refer = {"resultOf": "0", "name": "Email/query", "path": "/ids"}
    threads = {"resultOf": "1", "name": "Email/get", "path": "/list/*/threadId"}
    said = jmap.request(
        ("Email/query", account, "0"),
        ("Email/get", {**account, "#ids": refer, "properties": ["threadId"]}, "1"),
        ("Thread/get", {**account, "#ids": threads}, "2"),
        ("Email/get", {**account, "#ids": {**refer, "path": "/nothing"}}, "3"),
        ("Email/get", {**account, "#ids": refer, "ids": []}, "4"),
    )["methodResponses"]
    assert len(said[2][1]["list"]) == 2
    assert [one[1]["type"] for one in said[3:]] == ["invalidResultReference", "invalidArguments"]


def test_rfc8620_5_8_a_reference_to_a_creation_is_resolved_across_calls(jmap: Caller) -> None:
    account = {"accountId": jmap.account}
    said = jmap.request(
        ("Mailbox/set", {**account, "create": {"p": {"name": "parent"}}}, "0"),
        ("Mailbox/set", {**account, "create": {"c": {"name": "child", "parentId": "#p"}}}, "1"),
        ("Mailbox/set", {**account, "update": {"#c": {"name": "renamed"}}, "destroy": []}, "2"),
        ("Mailbox/set", {**account, "create": {"d": {"name": "x", "parentId": "#nobody"}}}, "3"),
    )["methodResponses"]
    child = said[1][1]["created"]["c"]["id"]
    assert said[2][1]["updated"] == {child: None}
    assert said[3][1]["notCreated"]["d"]["type"] == "invalidProperties"
