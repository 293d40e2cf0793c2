"""RFC 8621 section 2: Mailboxes."""

from typing import Any

import pytest

from jmapd.datatypes.mailbox.names import MAX_DEPTH
from tests.caller import Caller
from tests.engine import Engine

MESSAGE = b"From: a@example.org\r\nSubject: s\r\nMessage-ID: <1@example.org>\r\n\r\nbody\r\n"


def refusal(said: dict[str, Any], what: str = "notCreated", key: str = "k") -> dict[str, Any]:
    refused: dict[str, Any] = said[what][key]
    return refused


def create(jmap: Caller, **properties: Any) -> dict[str, Any]:
    return jmap.call("Mailbox/set", create={"k": properties})


def test_rfc8621_2_a_new_account_has_the_usual_roles(jmap: Caller) -> None:
    roles = [one["role"] for one in sorted(jmap.call("Mailbox/get")["list"], key=lambda one: int(one["sortOrder"]))]
    assert roles == ["inbox", "drafts", "sent", "archive", "junk", "trash"]


def test_rfc8621_2_5_create_says_what_the_client_cannot_know(jmap: Caller) -> None:
    made = create(jmap, name="new", parentId=jmap.mailboxes["Archive"], sortOrder=7, isSubscribed=True)["created"]["k"]
    (got,) = jmap.call("Mailbox/get", ids=[made["id"]])["list"]
    assert got == {"name": "new", "parentId": jmap.mailboxes["Archive"], "sortOrder": 7, "isSubscribed": True, **made}
    assert made["totalEmails"] == 0
    assert made["myRights"]["mayDelete"] is True


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"name": ""},
        {"name": " "},
        {"name": "a\nb"},
        {"name": "x" * 256},
        {"name": 5},
        {"name": "n", "role": "nothing"},
        {"name": "n", "role": "inbox"},
        {"name": "n", "role": "Important"},
        {"name": "n", "sortOrder": 1.5},
        {"name": "n", "parentId": "m999"},
        {"name": "n", "parentId": "#nothing"},
        {"name": "n", "sortOrder": -1},
        {"name": "n", "sortOrder": 2**31},
        {"name": "n", "isSubscribed": "yes"},
        {"name": "n", "totalEmails": 5},
        {"name": "n", "unknown": 5},
    ],
)
def test_rfc8621_2_5_invalid_properties(jmap: Caller, properties: dict[str, Any]) -> None:
    said = refusal(create(jmap, **properties))
    assert said["type"] == "invalidProperties"
    assert said["properties"]


def test_rfc8621_2_a_sibling_of_that_name_already_exists(jmap: Caller) -> None:
    said = refusal(create(jmap, name="Inbox"))
    assert (said["type"], said["existingId"]) == ("alreadyExists", jmap.mailboxes["Inbox"])


def test_rfc8621_2_names_are_normalized(jmap: Caller) -> None:
    made = create(jmap, name="Bu\u0308ro")["created"]["k"]
    assert made["name"] == "B\u00fcro"


def test_rfc8621_2_no_loops_and_no_more_than_max_depth(jmap: Caller) -> None:
    above = None
    made = []
    for level in range(MAX_DEPTH):
        above = create(jmap, name=f"level {level}", parentId=above)["created"]["k"]["id"]
        made.append(above)
    assert refusal(create(jmap, name="too deep", parentId=above))["properties"] == ["parentId"]
    said = jmap.call("Mailbox/set", update={made[0]: {"parentId": made[3]}})
    assert refusal(said, "notUpdated", made[0])["properties"] == ["parentId"]
    said = jmap.call("Mailbox/set", update={made[0]: {"parentId": jmap.mailboxes["Archive"]}})
    assert refusal(said, "notUpdated", made[0])["properties"] == ["parentId"]


def test_rfc8621_2_5_destroy_refuses_children_and_emails(jmap: Caller) -> None:
    outer = create(jmap, name="outer")["created"]["k"]["id"]
    inner = create(jmap, name="inner", parentId=outer)["created"]["k"]["id"]
    jmap.mailboxes["inner"] = inner
    email = jmap.import_message(MESSAGE, "inner")
    said = jmap.call("Mailbox/set", destroy=[outer], onDestroyRemoveEmails=True)
    assert refusal(said, "notDestroyed", outer)["type"] == "mailboxHasChild"
    said = jmap.call("Mailbox/set", destroy=[inner])
    assert refusal(said, "notDestroyed", inner)["type"] == "mailboxHasEmail"
    assert jmap.call("Email/get", ids=[email])["list"]
    said = jmap.call("Mailbox/set", destroy=[inner], onDestroyRemoveEmails=True)
    assert said["destroyed"] == [inner]
    assert jmap.call("Email/get", ids=[email])["notFound"] == [email]


def test_rfc8621_2_5_removed_emails_stay_where_else_they_are(jmap: Caller) -> None:
    jmap.mailboxes["new"] = create(jmap, name="new")["created"]["k"]["id"]
    email = jmap.import_message(MESSAGE, "new")
    both = {jmap.mailboxes["new"]: True, jmap.mailboxes["Inbox"]: True}
    jmap.call("Email/set", update={email: {"mailboxIds": both}})
    jmap.call("Mailbox/set", destroy=[jmap.mailboxes["new"]], onDestroyRemoveEmails=True)
    (got,) = jmap.call("Email/get", ids=[email], properties=["mailboxIds"])["list"]
    assert got["mailboxIds"] == {jmap.mailboxes["Inbox"]: True}


def test_the_inbox_stays(jmap: Caller) -> None:
    inbox = jmap.mailboxes["Inbox"]
    assert refusal(jmap.call("Mailbox/set", destroy=[inbox]), "notDestroyed", inbox)["type"] == "forbidden"
    said = jmap.call("Mailbox/set", update={inbox: {"role": None}})
    assert refusal(said, "notUpdated", inbox)["type"] == "forbidden"


def test_rfc8620_5_3_creations_refer_to_each_other_in_any_order(jmap: Caller) -> None:
    said = jmap.call(
        "Mailbox/set",
        create={
            "c": {"name": "c", "parentId": "#b"},
            "b": {"name": "b", "parentId": "#a"},
            "a": {"name": "a"},
            "x": {"name": "x", "parentId": "#y"},
            "y": {"name": "y", "parentId": "#x"},
        },
    )
    assert set(said["created"]) == {"a", "b", "c"}
    assert set(said["notCreated"]) == {"x", "y"}


def test_rfc8620_5_3_an_update_that_changes_nothing_makes_no_change(inside: Engine) -> None:
    before = inside.call("Mailbox/get", ids=[])["state"]
    inbox = inside.mailboxes["Inbox"]
    said = inside.call("Mailbox/set", update={inbox: {"name": "Inbox", "totalEmails": 0}})
    assert said["updated"] == {inbox: None}
    assert said["newState"] == before
    assert inside.last is not None
    assert not inside.last.changed


def test_rfc8621_2_2_updated_properties_where_only_counts_changed(jmap: Caller) -> None:
    since = jmap.call("Mailbox/get", ids=[])["state"]
    jmap.import_message(MESSAGE)
    said = jmap.call("Mailbox/changes", sinceState=since)
    assert said["updated"] == [jmap.mailboxes["Inbox"]]
    assert said["updatedProperties"] == ["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"]
    jmap.call("Mailbox/set", update={jmap.mailboxes["Inbox"]: {"sortOrder": 3}})
    assert jmap.call("Mailbox/changes", sinceState=since)["updatedProperties"] is None


def test_rfc8621_2_3_query(jmap: Caller) -> None:
    archive = jmap.mailboxes["Archive"]
    year = create(jmap, name="2024", parentId=archive)["created"]["k"]["id"]

    def names(**arguments: Any) -> list[str]:
        found = jmap.call("Mailbox/query", **arguments)["ids"]
        by_id = {one["id"]: one["name"] for one in jmap.call("Mailbox/get")["list"]}
        return [by_id[id] for id in found]

    by_name = [{"property": "name"}]
    assert names(filter={"role": "inbox"}) == ["Inbox"]
    assert names(filter={"hasAnyRole": False}) == ["2024"]
    assert names(filter={"parentId": archive}) == ["2024"]
    assert names(filter={"name": "RCHI"}) == ["Archive"]
    assert names(sort=by_name) == ["2024", "Archive", "Drafts", "Inbox", "Junk", "Sent", "Trash"]
    assert names(sort=by_name, sortAsTree=True)[:2] == ["Archive", "2024"]
    assert names(filter={"name": "2024"}, filterAsTree=True) == []
    assert names(filter={"operator": "NOT", "conditions": [{"hasAnyRole": True}]}) == ["2024"]
    assert jmap.call("Mailbox/query", filter={"parentId": None}, calculateTotal=True)["total"] == 6
    assert jmap.error("Mailbox/query", filter={"nothing": 1})["type"] == "unsupportedFilter"
    assert jmap.error("Mailbox/query", sort=[{"property": "nothing"}])["type"] == "unsupportedSort"
    assert jmap.call("Mailbox/query", anchor=year)["position"] == 6


def test_rfc8621_2_3_sorting_by_sort_order_and_name(jmap: Caller) -> None:
    orders = {"b": 2**31 - 1, "a": 2**31 - 1, "c": 5}
    jmap.call("Mailbox/set", create={name: {"name": name, "sortOrder": order} for name, order in orders.items()})
    sort = [{"property": "sortOrder", "isAscending": False}, {"property": "name"}]
    ids = jmap.call("Mailbox/query", sort=sort)["ids"]
    boxes = {one["id"]: one for one in jmap.call("Mailbox/get")["list"]}
    found = [(-boxes[id]["sortOrder"], boxes[id]["name"].casefold()) for id in ids]
    assert found == sorted(found)
    assert [name for _, name in found[:2]] == ["a", "b"]


def test_rfc8621_2_roles_are_those_that_are_registered_and_nobody_has_two(jmap: Caller) -> None:
    made = jmap.call("Mailbox/set", create={"k": {"name": "n", "role": "important"}})["created"]["k"]["id"]
    for properties in ({"role": "important"}, {"role": "archive"}):
        assert refusal(create(jmap, name="other", **properties))["properties"] == ["role"]
    assert jmap.call("Mailbox/set", update={made: {"role": "flagged"}})["updated"] == {made: None}
    roles = [one["role"] for one in jmap.call("Mailbox/get")["list"] if one["role"]]
    assert len(roles) == len(set(roles))


def test_rfc8621_2_moving_the_trash_role_recounts(jmap: Caller) -> None:
    jmap.import_message(MESSAGE, "Inbox", keywords={"$seen": True})
    reply = MESSAGE.replace(b"<1@", b"<2@").replace(b"Subject: s", b"Subject: Re: s\r\nIn-Reply-To: <1@example.org>")
    jmap.import_message(reply, "Trash")

    def unread_threads() -> dict[str, int]:
        return {one["name"]: one["unreadThreads"] for one in jmap.call("Mailbox/get")["list"] if one["totalEmails"]}

    assert unread_threads() == {"Inbox": 0, "Trash": 1}
    jmap.call("Mailbox/set", update={jmap.mailboxes["Trash"]: {"role": None}})
    assert unread_threads() == {"Inbox": 1, "Trash": 1}
