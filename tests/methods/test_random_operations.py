"""Whatever is done, states, changes and counts agree with a recount (RFC 8620 section 5.2, RFC 8621 section 2)."""

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from jmapd.workers import checking
from tests.engine import Engine, engine

BOXES = ("Inbox", "Archive", "Trash")
BOX_SETS = st.sets(st.sampled_from(BOXES), min_size=1)
KEYWORDS = st.sets(st.sampled_from(["$seen", "$draft", "$flagged"]))


class Mail(RuleBasedStateMachine):
    """A client that follows every change, beside a server that is asked to do anything."""

    folder: Path

    @initialize()
    def start(self) -> None:
        self.context = engine(Path(mkdtemp(dir=self.folder)))
        self.jmap: Engine = self.context.__enter__()
        self.known: dict[str, dict[str, dict[str, Any]]] = {}
        self.states: dict[str, str] = {}
        self.number = 0
        inbox = {"inMailbox": self.jmap.mailboxes["Inbox"]}
        flagged = {"property": "someInThreadHaveKeyword", "keyword": "$flagged"}
        self.queries: list[dict[str, Any]] = [
            {},
            {"filter": inbox},
            {"filter": inbox, "collapseThreads": True},
            {"filter": {"notKeyword": "$seen"}, "sort": [{"property": "size"}]},
            {"filter": {"noneInThreadHaveKeyword": "$seen"}},
            {"filter": {"allInThreadHaveKeyword": "$flagged"}, "collapseThreads": True},
            {"sort": [flagged, {"property": "receivedAt"}]},
            {"filter": {"inMailboxOtherThan": [self.jmap.mailboxes["Trash"]]}},
            {"type": "Mailbox", "sort": [{"property": "name"}], "filter": {"role": "trash"}},
        ]
        self.results = []
        for query in self.queries:
            arguments = {name: value for name, value in query.items() if name != "type"}
            said = self.jmap.call(f"{query.get('type', 'Email')}/query", **arguments)
            self.results.append((said["ids"], said["queryState"]))
        for type in ("Mailbox", "Thread", "Email"):
            said = self.jmap.call(f"{type}/get", ids=None)
            self.known[type] = {one["id"]: one for one in said["list"]}
            self.states[type] = said["state"]

    @rule(thread=st.integers(0, 3), boxes=BOX_SETS, keywords=KEYWORDS)
    def add(self, thread: int, boxes: set[str], keywords: set[str]) -> None:
        self.number += 1
        raw = f"Subject: {thread}\r\nMessage-ID: <{self.number}@x>\r\nReferences: <t{thread}@x>\r\n\r\nb\r\n".encode()
        blob = self.jmap.upload(raw, "message/rfc822")
        email = {
            "blobId": blob,
            "mailboxIds": {self.jmap.mailboxes[box]: True for box in boxes},
            "keywords": dict.fromkeys(keywords, True),
        }
        assert self.jmap.call("Email/import", emails={"k": email})["created"]

    @rule(data=st.data(), boxes=BOX_SETS, keywords=KEYWORDS)
    def change(self, data: st.DataObject, boxes: set[str], keywords: set[str]) -> None:
        if not self.known["Email"]:
            return
        ids = data.draw(st.sets(st.sampled_from(sorted(self.known["Email"])), max_size=3))
        patch = {
            "mailboxIds": {self.jmap.mailboxes[box]: True for box in boxes},
            "keywords": dict.fromkeys(keywords, True),
        }
        said = self.jmap.call("Email/set", update=dict.fromkeys(ids, patch))
        assert set(said["updated"] or {}) == ids

    @rule(data=st.data())
    def destroy(self, data: st.DataObject) -> None:
        if not self.known["Email"]:
            return
        ids = data.draw(st.sets(st.sampled_from(sorted(self.known["Email"])), max_size=3))
        said = self.jmap.call("Email/set", destroy=sorted(ids))
        assert set(said["destroyed"] or ()) == ids

    @rule(role=st.sampled_from(["trash", None]))
    def move_the_trash_role(self, role: str | None) -> None:
        self.jmap.call("Mailbox/set", update={self.jmap.mailboxes["Trash"]: {"role": role}})

    @invariant()
    def what_query_changes_says_leads_to_what_query_says(self) -> None:
        for number, query in enumerate(self.queries):
            type = query.pop("type", "Email")
            ids, state = self.results[number]
            said = self.jmap.call(f"{type}/queryChanges", sinceQueryState=state, calculateTotal=True, **query)
            ids = [id for id in ids if id not in said["removed"]]
            assert [one["index"] for one in said["added"]] == sorted(one["index"] for one in said["added"])
            for one in said["added"]:
                ids.insert(one["index"], one["id"])
            now = self.jmap.call(f"{type}/query", calculateTotal=True, **query)
            assert now["canCalculateChanges"]
            assert (ids, said["total"]) == (now["ids"], now["total"])
            self.results[number] = ids, said["newQueryState"]
            query["type"] = type

    @invariant()
    def what_changes_says_leads_to_what_get_says(self) -> None:
        for type, known in self.known.items():
            said = self.jmap.call(f"{type}/changes", sinceState=self.states[type])
            assert not set(said["created"]) & set(known)
            assert set(said["updated"]) <= set(known)
            assert set(said["destroyed"]) <= set(known)
            for id in said["destroyed"]:
                del known[id]
            got = self.jmap.call(f"{type}/get", ids=[*said["created"], *said["updated"]])
            known.update((one["id"], one) for one in got["list"])
            assert not got["notFound"]
            whole = self.jmap.call(f"{type}/get", ids=None)
            assert known == {one["id"]: one for one in whole["list"]}
            assert said["newState"] == whole["state"]
            self.states[type] = said["newState"]

    @invariant()
    def the_counts_are_those_of_a_recount(self) -> None:
        emails = self.known["Email"].values()
        trash = next((id for id, box in self.known["Mailbox"].items() if box["role"] == "trash"), None)
        for id, box in self.known["Mailbox"].items():
            inside = [email for email in emails if id in email["mailboxIds"]]
            threads = {email["threadId"] for email in inside}
            unread = {email["threadId"] for email in emails if unread_for(email, id, trash)}
            assert box["totalEmails"] == len(inside)
            assert box["unreadEmails"] == sum(not {"$seen", "$draft"} & set(email["keywords"]) for email in inside)
            assert box["totalThreads"] == len(threads)
            assert box["unreadThreads"] == len(threads & unread)

    def teardown(self) -> None:
        """Whatever has been done, `jmapctl check` finds nothing wrong."""
        data_dir = self.jmap.store.incoming.parent
        found = list(checking.through(data_dir / "store.sqlite", data_dir, lambda octets, blobs: None))
        self.context.__exit__(None, None, None)
        assert found == []


def unread_for(email: dict[str, Any], mailbox: str, trash: str | None) -> bool:
    if {"$seen", "$draft"} & set(email["keywords"]):
        return False
    boxes = set(email["mailboxIds"])
    if trash is None:
        return True
    return trash in boxes if mailbox == trash else boxes != {trash}


def test_states_changes_and_counts_agree(tmp_path_factory: pytest.TempPathFactory) -> None:
    Mail.folder = tmp_path_factory.mktemp("random")
    run_state_machine_as_test(Mail, settings=settings(max_examples=25, stateful_step_count=20, deadline=None))
