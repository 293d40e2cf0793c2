"""Threads: which Emails are of one conversation, and how a late message joins two (RFC 8621 section 3)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.caller import Caller
from tests.engine import Engine, engine

COUNTS = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")


def message(id: int, references: Any = (), subject: str = "plans", text: str = "") -> bytes:
    lines = [f"Message-ID: <{id}@x>", f"Subject: Re: {subject}", "From: a@b"]
    if references:
        lines.append("References: " + " ".join(f"<{one}@x>" for one in references))
    return "\r\n".join([*lines, "", text or f"word{id}", ""]).encode()


def threads(jmap: Caller) -> set[frozenset[str]]:
    """The subjects' Message-IDs of each Thread, by Email/get, which Thread/get has to agree with."""
    ids = jmap.call("Email/query")["ids"]
    emails = {one["id"]: one for one in jmap.call("Email/get", ids=ids)["list"]}
    found: dict[str, set[str]] = {}
    for one in emails.values():
        found.setdefault(one["threadId"], set()).add(one["id"])
    listed = {one["id"]: set(one["emailIds"]) for one in jmap.call("Thread/get", ids=None)["list"]}
    assert listed == found
    return {frozenset(emails[id]["messageId"][0] for id in ids) for ids in found.values()}


def test_rfc8621_3_2_changes_of_threads(jmap: Caller) -> None:
    first = jmap.import_message(message(1))
    state = jmap.call("Thread/get", ids=[])["state"]
    second = jmap.import_message(message(2, [1]))
    other = jmap.import_message(message(3, subject="other"))
    of = {one["id"]: one["threadId"] for one in jmap.call("Email/get", ids=None)["list"]}
    said = jmap.call("Thread/changes", sinceState=state)
    assert (said["created"], said["updated"], said["destroyed"]) == ([of[other]], [of[first]], [])
    state = said["newState"]
    jmap.call("Email/set", destroy=[first, second])
    said = jmap.call("Thread/changes", sinceState=state)
    assert (said["created"], said["updated"], said["destroyed"]) == ([], [], [of[first]])


def test_rfc8621_3_a_late_message_joins_two_threads(jmap: Caller) -> None:
    first, second = jmap.import_message(message(1)), jmap.import_message(message(2), keywords={"$flagged": True})
    assert len(threads(jmap)) == 2
    state = jmap.call("Email/get", ids=[])["state"]
    thread_state = jmap.call("Thread/get", ids=[])["state"]
    late = jmap.import_message(message(3, [1, 2]))
    assert threads(jmap) == {frozenset({"1@x", "2@x", "3@x"})}
    # an Email's threadId never changes: who changes Thread is another Email from then on
    changes = jmap.call("Email/changes", sinceState=state)
    (gone,) = changes["destroyed"]
    assert gone in (first, second)
    (again,) = set(changes["created"]) - {late}
    assert changes["updated"] == []
    assert len(jmap.call("Thread/changes", sinceState=thread_state)["destroyed"]) == 1
    (old,) = {first, second} - {gone}
    emails = {one["id"]: one for one in jmap.call("Email/get", ids=[old, again])["list"]}
    assert sorted(one["messageId"][0] for one in emails.values()) == ["1@x", "2@x"]
    assert [one["keywords"] for one in emails.values() if one["messageId"] == ["2@x"]] == [{"$flagged": True}]
    # it is found by its words as before
    word = f"word{emails[again]['messageId'][0][0]}"
    assert jmap.call("Email/query", filter={"text": word})["ids"] == [again]


def test_counts_are_right_when_threads_are_joined(jmap: Caller) -> None:
    for raw in (message(1), message(2), message(3, [1, 2])):
        jmap.import_message(raw)
    boxes = jmap.call("Mailbox/get", ids=[jmap.mailboxes["Inbox"]])["list"]
    assert [boxes[0][name] for name in COUNTS] == [3, 3, 1, 1]


def test_another_subject_is_another_thread(jmap: Caller) -> None:
    for raw in (message(1), message(2, [1], subject="other"), message(3, [1, 2])):
        jmap.import_message(raw)
    assert threads(jmap) == {frozenset({"1@x", "3@x"}), frozenset({"2@x"})}


def import_together(jmap: Caller, messages: list[bytes]) -> dict[str, Any]:
    inbox = jmap.mailboxes["Inbox"]
    emails = {
        f"k{number}": {"blobId": jmap.upload(raw, "message/rfc822"), "mailboxIds": {inbox: True}}
        for number, raw in enumerate(messages)
    }
    said = jmap.request(("Email/import", {"accountId": jmap.account, "emails": emails}, "0"), createdIds={})
    created: dict[str, Any] = said["methodResponses"][0][1]["created"]
    assert {name: one["id"] for name, one in created.items()} == said["createdIds"]
    return created


def test_ids_are_right_when_threads_are_joined_within_one_call(jmap: Caller) -> None:
    created = import_together(jmap, [message(1), message(2), message(3, [1, 2])])
    found = jmap.call("Email/get", ids=[one["id"] for one in created.values()])
    assert found["notFound"] == []
    assert [one["messageId"] for one in found["list"]] == [["1@x"], ["2@x"], ["3@x"]]
    assert {one["threadId"] for one in found["list"]} == {one["threadId"] for one in created.values()}
    assert len(threads(jmap)) == 1


def test_an_email_that_was_joined_away_in_the_call_is_not_found_by_its_update(jmap: Caller) -> None:
    inbox = {jmap.mailboxes["Inbox"]: True}
    old = [jmap.import_message(message(number)) for number in (1, 2)]
    create = {"k": {"mailboxIds": inbox, "subject": "Re: plans", "references": ["1@x", "2@x"], "from": None}}
    update = {id: {"keywords/$seen": True} for id in old}
    said = jmap.call("Email/set", create=create, update=update)
    assert len(said["updated"]) == 1
    ((gone, error),) = said["notUpdated"].items()
    assert error["type"] == "notFound"
    assert jmap.call("Email/get", ids=[gone])["notFound"] == [gone]


def test_what_jmapctl_brings_in_joins_too(inside: Engine) -> None:
    for number, raw in enumerate((message(1), message(2), message(3, [1, 2]))):
        about = {"name": "anna@localhost", "mailbox": ["Inbox"], "role": "inbox"}
        made = inside.perform("import_read", raw, **about)
        more = {"keywords": [], "received_at": number * 1000, "message": made.arguments}
        stored = inside.prepared("import_store", made.body, **about, **more)
        assert stored.arguments == {"outcome": "imported"}
    assert len(threads(inside)) == 1


def components(messages: list[tuple[int, list[int], str]]) -> set[frozenset[str]]:
    """The Threads as the RFC defines them: what shares an id, with the same subject, and what that shares ids with."""
    parent: dict[tuple[int, str], tuple[int, str]] = {}

    def root(key: tuple[int, str]) -> tuple[int, str]:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for id, references, subject in messages:
        for one in references:
            parent[root((one, subject))] = root((id, subject))
    found: dict[tuple[int, str], set[str]] = {}
    for id, _, subject in messages:
        found.setdefault(root((id, subject)), set()).add(f"{id}@x")
    return {frozenset(ids) for ids in found.values()}


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.lists(st.integers(0, 12), max_size=3), st.sampled_from(["plans", "other"])),
        max_size=10,
        unique_by=lambda one: one[0],
    ),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_threads_are_the_same_in_whatever_order_messages_come(
    messages: list[tuple[int, list[int], str]], together: bool
) -> None:
    raws = [message(id, references, subject) for id, references, subject in messages]
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder)) as jmap:
        if together and raws:
            import_together(jmap, raws)
        else:
            for raw in raws:
                jmap.import_message(raw)
        assert threads(jmap) == components(messages)
        boxes = jmap.call("Mailbox/get", ids=[jmap.mailboxes["Inbox"]])["list"]
        size = len(components(messages))
        assert [boxes[0][name] for name in COUNTS] == [len(messages), len(messages), size, size]
