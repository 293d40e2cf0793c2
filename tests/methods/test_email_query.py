"""RFC 8621 sections 4.4 and 4.5: what Email/query finds, and what becomes of it, against an oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.caller import Caller
from tests.engine import Engine, engine
from tests.methods.email_oracle import Email, Oracle, applied
from tests.methods.email_strategies import HARD_DATES, ORDINARY_DATES, Query, boxes, emails_of, keywords, queries_of


@attrs.define
class Account:
    """An account, and what is in it."""

    jmap: Engine
    emails: list[Email] = attrs.field(factory=list)
    added: int = 0
    ids: dict[str, str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        # of Mailboxes that are destroyed too
        self.ids = {**self.jmap.mailboxes, "nowhere": "m9999"}

    @property
    def oracle(self) -> Oracle:
        return Oracle(tuple(self.emails))

    def add(self, emails: list[Email]) -> None:
        """Import Emails in one call."""
        create: dict[str, Any] = {}
        for one in emails:
            raw = one.message.raw()
            one.size = len(raw)
            blob = self.jmap.upload(raw, "message/rfc822")
            create[f"k{one.message.number}"] = {"blobId": blob, "receivedAt": one.received, **self.mutable(one)}
        assert not self.jmap.call("Email/import", emails=create)["notCreated"]
        self.emails += emails
        self.added += len(emails)

    def mutable(self, email: Email) -> dict[str, Any]:
        """What can change of an Email; what was to be in a Mailbox that is gone is in the Inbox."""
        email.mailboxes = frozenset(one if one in self.jmap.mailboxes else "Inbox" for one in email.mailboxes)
        boxes = {self.jmap.mailboxes[box]: True for box in email.mailboxes}
        return {"mailboxIds": boxes, "keywords": dict.fromkeys(email.keywords, True)}

    def change(self, at: int, mailboxes: frozenset[str], keywords: frozenset[str]) -> None:
        """Change what can change of an Email."""
        email = self.emails[at % len(self.emails)]
        email.mailboxes, email.keywords = mailboxes, keywords
        assert self.jmap.call("Email/set", update={email.id: self.mutable(email)})["updated"]

    def destroy(self, at: int) -> None:
        """Destroy an Email."""
        email = self.emails.pop(at % len(self.emails))
        assert self.jmap.call("Email/set", destroy=[email.id])["destroyed"]

    def destroy_mailbox(self, name: str) -> None:
        """Destroy a Mailbox, and with it the Emails that are in no other; one Email at least stays."""
        if name in self.jmap.mailboxes and any(one.mailboxes - {name} for one in self.emails):
            id = self.jmap.mailboxes.pop(name)
            assert self.jmap.call("Mailbox/set", destroy=[id], onDestroyRemoveEmails=True)["destroyed"]
            for email in self.emails:
                email.mailboxes -= {name}
            self.emails = [one for one in self.emails if one.mailboxes]

    def learn(self) -> None:
        """Learn each Email's Id and Thread, which change where Threads are joined."""
        listed = self.jmap.call("Email/get", ids=None, properties=["messageId", "threadId"])["list"]
        by_message = {one["messageId"][0]: one for one in listed}
        assert len(listed) == len(self.emails)
        for email in self.emails:
            said = by_message[f"{email.message.number}@x"]
            email.id, email.thread = said["id"], said["threadId"]

    def check(self, query: Query) -> dict[str, Any]:
        """Compare what is answered to a query; the answer."""
        arguments = query.arguments(self.ids)
        oracle = self.oracle
        every = self.jmap.call("Email/query", **{**arguments, "collapseThreads": False})["ids"]
        assert len(every) == len(set(every))
        assert set(every) == oracle.found(query.filter)
        assert oracle.is_ordered(every, query.sort or ())
        wanted = oracle.collapsed(every) if query.collapse else every
        said = self.jmap.call("Email/query", **arguments, calculateTotal=True)
        assert (said["ids"], said["total"], said["position"]) == (wanted, len(wanted), 0)
        self.check_windows(query, arguments, wanted)
        return said

    def check_windows(self, query: Query, arguments: dict[str, Any], wanted: list[str]) -> None:
        """Compare parts of the results (RFC 8620 section 5.5)."""
        start = query.position if query.position >= 0 else max(0, len(wanted) + query.position)
        window = {"position": query.position, "limit": query.limit, "anchorOffset": query.offset}
        said = self.jmap.call("Email/query", **arguments, **window, anchor=None)
        assert (said["position"], said["ids"]) == (start, wanted[start : start + query.limit])
        assert not {"total", "limit"} & set(said)
        anchor = self.emails[query.anchor % len(self.emails)].id
        if anchor in wanted:
            start = max(0, wanted.index(anchor) + query.offset)
            said = self.jmap.call("Email/query", **arguments, **window, anchor=anchor)
            assert (said["position"], said["ids"]) == (start, wanted[start : start + query.limit])
        else:
            error = self.jmap.error("Email/query", **arguments, **window, anchor=anchor)
            assert error["type"] == "anchorNotFound"

    def check_changes(self, query: Query, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Compare what became of a query's results since an answer with the answer that is given now."""
        arguments = {**query.arguments(self.ids), "sinceQueryState": old["queryState"]}
        assert old["ids"] == new["ids"] or old["queryState"] != new["queryState"]
        said = self.jmap.call("Email/queryChanges", **arguments, calculateTotal=True)
        assert (said["oldQueryState"], said["newQueryState"]) == (old["queryState"], new["queryState"])
        assert [one["index"] for one in said["added"]] == sorted(one["index"] for one in said["added"])
        assert applied(old["ids"], said) == new["ids"]
        number = len(said["removed"]) + len(said["added"])
        assert self.jmap.call("Email/queryChanges", **arguments, maxChanges=number)["added"] == said["added"]
        if number:
            assert self.jmap.error("Email/queryChanges", **arguments, maxChanges=number - 1)["type"] == "tooManyChanges"
        if old["ids"]:
            # a client that knows no more than the beginning
            known = 1 + query.anchor % len(old["ids"])
            up_to = old["ids"][known - 1]
            said = self.jmap.call("Email/queryChanges", **arguments, calculateTotal=True, upToId=up_to)
            cached = applied([*old["ids"][:known], *[None] * (len(old["ids"]) - known)], said)
            assert [id or new["ids"][at] for at, id in enumerate(cached)] == new["ids"]
            if up_to in new["ids"]:
                # what moves from behind to before it is not known to the client
                before = zip(cached, new["ids"][: new["ids"].index(up_to)], strict=False)
                assert all(id or now in old["ids"][known:] for id, now in before)


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Engine]]:
    """New users of one store."""
    numbers = count()
    with engine(tmp_path_factory.mktemp("query")) as jmap:
        yield lambda: jmap.another(f"user{next(numbers)}")


@settings(deadline=None, max_examples=40)
@given(dates=st.sampled_from([ORDINARY_DATES, HARD_DATES]), data=st.data())
def test_rfc8621_4_4_a_query_finds_what_the_words_of_the_rfc_say(
    users: Callable[[], Engine], dates: list[str], data: st.DataObject
) -> None:
    account = Account(users())
    account.add(data.draw(emails_of(dates)))
    account.learn()
    wanted = data.draw(st.lists(queries_of(account.emails), min_size=4, max_size=10))
    answers = [account.check(query) for query in wanted]
    kinds = st.sampled_from(["add", "change", "destroy", "destroy Mailbox"])
    for change in data.draw(st.lists(kinds, min_size=1, max_size=4)):
        if change == "add":
            account.add(data.draw(emails_of(dates, first=account.added, most=2)))
            account.learn()
        elif change == "change":
            account.change(data.draw(st.integers(0, 9)), data.draw(boxes), data.draw(keywords))
        elif change == "destroy Mailbox":
            account.destroy_mailbox("Archive")
        elif len(account.emails) > 1:
            account.destroy(data.draw(st.integers(0, 9)))
    for query, old in zip(wanted, answers, strict=True):
        account.check_changes(query, old, account.check(query))


def test_rfc8620_5_5_arguments_of_query(jmap: Caller) -> None:
    assert jmap.error("Email/query", limit=-1)["type"] == "invalidArguments"
    assert jmap.error("Email/query", filter={"nothing": 1})["type"] == "unsupportedFilter"
    assert jmap.error("Email/query", filter={"operator": "XOR", "conditions": []})["type"] == "invalidArguments"
    assert jmap.error("Email/query", filter={"header": []})["type"] == "invalidArguments"
    assert jmap.error("Email/query", sort=[{"property": "hasKeyword"}])["type"] == "invalidArguments"
    assert jmap.error("Email/query", sort=[{"property": "nothing"}])["type"] == "unsupportedSort"
    assert jmap.error("Email/query", sort=[{"property": "size", "collation": "x"}])["type"] == "unsupportedSort"
    assert jmap.error("Email/query", filter={"before": "x"})["type"] == "invalidArguments"
    assert jmap.call("Email/query", limit=100_000)["limit"] == 5000
    assert "limit" not in jmap.call("Email/query", limit=10)


def test_what_is_destroyed_is_neither_found_by_its_words_nor_counted(jmap: Caller) -> None:
    kept, destroyed = (jmap.import_message(f"Subject: walrus {n}\r\n\r\nx\r\n".encode()) for n in range(2))
    arguments: dict[str, Any] = {"filter": {"text": "walrus"}, "calculateTotal": True}
    assert jmap.call("Email/query", **arguments)["total"] == 2
    jmap.call("Email/set", destroy=[destroyed])
    for position in (0, -1):
        said = jmap.call("Email/query", **arguments, position=position)
        assert (said["ids"], said["total"]) == ([kept], 1)
    assert jmap.call("Email/query", filter={"body": "x", "inMailbox": jmap.mailboxes["Inbox"]})["ids"] == [kept]
