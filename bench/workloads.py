"""What the benchmark asks: for each workload its Requests, one after the other."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from bench.messages import generated

LISTED = [
    *("id", "threadId", "mailboxIds", "keywords", "hasAttachment"),
    *("from", "to", "subject", "receivedAt", "size", "preview"),
]

Call = tuple[str, dict[str, Any]]
Workload = Callable[["Account"], Iterator[list[Call]]]


@attrs.frozen
class Account:
    """What the workloads need to know of the account."""

    id: str
    inbox: str
    drafts: str
    emails: list[str]
    state: str
    upload: Callable[[bytes], str]

    def some_emails(self) -> list[str]:
        """The ids of Emails that are there; without any most workloads have nothing to do."""
        if not self.emails:
            raise SystemExit("the account is empty: seed it first")
        return self.emails

    def call(self, name: str, **arguments: Any) -> Call:
        """A method call in the account."""
        return name, {"accountId": self.id, **arguments}


def core_echo(account: Account) -> Iterator[list[Call]]:
    """200 octets there and back."""
    return itertools.repeat([("Core/echo", {"text": "x" * 200})])


def mailbox_get(account: Account) -> Iterator[list[Call]]:
    """All Mailboxes with their counts."""
    return itertools.repeat([account.call("Mailbox/get", ids=None)])


def email_query_get(account: Account) -> Iterator[list[Call]]:
    """The first page of a Mailbox."""
    newest = [{"property": "receivedAt", "isAscending": False}]
    query = account.call("Email/query", filter={"inMailbox": account.inbox}, sort=newest, limit=50)
    ids = {"resultOf": "0", "name": "Email/query", "path": "/ids"}
    return itertools.repeat([query, ("Email/get", {"accountId": account.id, "#ids": ids, "properties": LISTED})])


def email_read(account: Account) -> Iterator[list[Call]]:
    """One Email as a person reads it."""
    options = {"properties": [*LISTED, "textBody", "htmlBody", "bodyValues"], "fetchAllBodyValues": True}
    for id in itertools.cycle(account.some_emails()):
        yield [account.call("Email/get", ids=[id], **options)]


def search_common(account: Account) -> Iterator[list[Call]]:
    """The newest 50 with two words that most have."""
    return itertools.repeat(_search(account, "harbour winter"))


def search_rare(account: Account) -> Iterator[list[Call]]:
    """Those with a number that a few have, another one each time."""
    return (_search(account, str(number)) for number in itertools.count(1000))


def email_search(account: Account) -> Iterator[list[Call]]:
    """Common words and rare ones by turns."""
    return itertools.chain.from_iterable(zip(search_common(account), search_rare(account), strict=True))


def _search(account: Account, text: str) -> list[Call]:
    newest = [{"property": "receivedAt", "isAscending": False}]
    return [account.call("Email/query", filter={"text": text}, sort=newest, limit=50)]


def email_changes(account: Account) -> Iterator[list[Call]]:
    """What a client asks after a push."""
    return itertools.repeat([account.call("Email/changes", sinceState=account.state, maxChanges=50)])


def set_flag(account: Account) -> Iterator[list[Call]]:
    """A flag set, then taken away, on one Email after the other."""
    for flag in itertools.cycle((True, None)):
        for id in account.some_emails():
            yield [account.call("Email/set", update={id: {"keywords/$flagged": flag}})]


def create(account: Account) -> Iterator[list[Call]]:
    """A new draft."""
    for number in itertools.count():
        draft = {
            "mailboxIds": {account.drafts: True},
            "keywords": {"$draft": True},
            "subject": f"Draft {number}",
            "from": [{"email": "bench@example.com"}],
            "bodyValues": {"text": {"value": f"Draft {number} of a benchmark.\n" * 20}},
            "textBody": [{"partId": "text", "type": "text/plain"}],
        }
        yield [account.call("Email/set", create={"draft": draft})]


def imported(account: Account) -> Iterator[list[Call]]:
    """An upload, then Email/import; the upload is made when the request is."""
    start = random.randrange(10**9, 10**12)
    for number in itertools.count(start):
        blob = account.upload(generated(number))
        emails = {"one": {"blobId": blob, "mailboxIds": {account.inbox: True}}}
        yield [account.call("Email/import", emails=emails)]


WORKLOADS: dict[str, Workload] = {
    "core-echo": core_echo,
    "mailbox-get": mailbox_get,
    "email-query-get": email_query_get,
    "email-read": email_read,
    "email-search": email_search,
    "search-common": search_common,
    "search-rare": search_rare,
    "email-changes": email_changes,
    "set-flag": set_flag,
    "create": create,
    "import": imported,
}
