"""Email/query as RFC 8621 section 4.4 puts it, read as naively as can be, over messages whose makings are known."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from itertools import pairwise
from typing import Any

import attrs

Address = tuple[str, str]
Node = dict[str, Any]


@attrs.frozen
class Message:
    """What a message is made of.

    :param base: the base subject (RFC 5256 section 2.1), which ``around`` has in place of its braces.
    :param sent: in seconds since 1970, shown in a zone so many hours away.
    :param references: the numbers of other messages.
    """

    number: int
    base: str
    around: str
    addresses: dict[str, tuple[Address, ...]]
    sent: int | None
    zone: int
    words: str
    html: bool
    attachment: bool
    comment: str | None
    references: tuple[int, ...]

    @property
    def subject(self) -> str:
        return self.around.format(self.base)

    def raw(self) -> bytes:
        made = EmailMessage(SMTP)
        made["Message-ID"] = f"<{self.number}@x>"
        made["Subject"] = self.subject
        if self.references:
            made["References"] = " ".join(f"<{one}@x>" for one in self.references)
        for name, addresses in self.addresses.items():
            if addresses:
                made[name] = ", ".join(f"{name} <{address}>" if name else address for name, address in addresses)
        if self.sent is not None:
            shown = datetime.fromtimestamp(self.sent + 3600 * self.zone, UTC)
            made["Date"] = f"{shown:%d %b %Y %H:%M:%S} {self.zone:+03}00"
        if self.comment is not None:
            made["X-Comment"] = self.comment
        if self.html:
            made.set_content(f"<title>unseen</title><p>{self.words}", subtype="html")
        else:
            made.set_content(self.words)
        if self.attachment:
            made.add_attachment(b"alpha", "application", "pdf")
        return made.as_bytes()


@attrs.define
class Email:
    """A message in an account; the account's Emails are numbered as their messages are."""

    message: Message
    received: str
    mailboxes: frozenset[str]
    keywords: frozenset[str]
    size: int = 0
    id: str = ""
    thread: str = ""

    @property
    def texts(self) -> dict[str, str]:
        """Where each condition on text looks."""
        found = {
            name: " ".join(f"{of} {address}" for of, address in addresses)
            for name, addresses in self.message.addresses.items()
        }
        found |= {"subject": self.message.subject, "body": self.message.words}
        return {**found, "text": " ".join(found.values())}


def moment(date: str) -> datetime:
    return datetime.fromisoformat(date)


def has_words(text: str, wanted: str) -> bool:
    words = text.replace("@", " ").replace(".", " ").casefold().split()
    return all(word in words for word in wanted.casefold().split())


def has_header(email: Email, name: str, text: str = "") -> bool:
    message = email.message
    values = {name: " ".join(email.texts[name].split()) for name, some in message.addresses.items() if some}
    values["subject"] = message.subject
    if message.comment is not None:
        values["x-comment"] = message.comment
    return name.lower() in values and text.casefold() in values[name.lower()].casefold()


@attrs.frozen
class Oracle:
    """What must be found among an account's Emails, and in which order."""

    emails: tuple[Email, ...]

    def by_id(self) -> dict[str, Email]:
        return {one.id: one for one in self.emails}

    def thread(self, email: Email) -> list[Email]:
        return [one for one in self.emails if one.thread == email.thread]

    def has(self, email: Email, which: str, keyword: str) -> bool:
        """Whether what is said of a keyword holds for an Email (sections 4.4.1 and 4.4.2)."""
        keyword = keyword.lower()
        of_thread = [keyword in one.keywords for one in self.thread(email)]
        return {
            "hasKeyword": keyword in email.keywords,
            "notKeyword": keyword not in email.keywords,
            "allInThreadHaveKeyword": all(of_thread),
            "someInThreadHaveKeyword": any(of_thread),
            "noneInThreadHaveKeyword": not any(of_thread),
        }[which]

    def condition(self, email: Email, name: str, value: Any) -> bool:
        """Whether a FilterCondition's property holds for an Email (section 4.4.1)."""
        tests: dict[str, Callable[[], bool]] = {
            "inMailbox": lambda: value in email.mailboxes,
            "inMailboxOtherThan": lambda: any(one not in value for one in email.mailboxes),
            "before": lambda: moment(email.received) < moment(value),
            "after": lambda: moment(email.received) >= moment(value),
            "minSize": lambda: bool(email.size >= value),
            "maxSize": lambda: bool(email.size < value),
            "hasAttachment": lambda: email.message.attachment is value,
            "header": lambda: has_header(email, *value),
        }
        if name in tests:
            return tests[name]()
        return self.has(email, name, value) if name.endswith("Keyword") else has_words(email.texts[name], value)

    def matches(self, email: Email, filter: Node | None) -> bool:
        """Whether a filter holds for an Email (RFC 8620 section 5.5)."""
        if filter is None:
            return True
        if "operator" not in filter:
            return all(self.condition(email, name, value) for name, value in filter.items())
        each = [self.matches(email, one) for one in filter["conditions"]]
        return {"AND": all(each), "OR": any(each), "NOT": not any(each)}[filter["operator"]]

    def found(self, filter: Node | None) -> set[str]:
        return {email.id for email in self.emails if self.matches(email, filter)}

    def is_ordered(self, ids: Iterable[str], sort: Iterable[Node]) -> bool:
        """Whether nothing stands before what a sort has before it; the order of equals is the server's."""
        emails = self.by_id()
        return all(self.may_precede(emails[one], emails[other], sort) for one, other in pairwise(ids))

    def may_precede(self, one: Email, other: Email, sort: Iterable[Node]) -> bool:
        for comparator in sort:
            mine, theirs = self.key(one, comparator), self.key(other, comparator)
            if mine != theirs:
                return bool((mine < theirs) is comparator.get("isAscending", True))
        return True

    def key(self, email: Email, comparator: Node) -> Any:
        """What a Comparator looks at (section 4.4.2)."""
        name, message = comparator["property"], email.message
        if "keyword" in comparator:
            return self.has(email, name, comparator["keyword"])
        if name in ("from", "to"):
            ((of, address), *_) = message.addresses[name] or [("", "")]
            return casemap(of or address)
        keys = {
            "receivedAt": moment(email.received),
            "size": email.size,
            "subject": casemap(message.base),
            # no date is before any: the RFC leaves it open
            "sentAt": (message.sent is not None, message.sent),
        }
        return keys[name]

    def collapsed(self, ids: Iterable[str]) -> list[str]:
        """The results with one Email of each Thread (section 4.4.3)."""
        emails = self.by_id()
        first: dict[str, str] = {}
        for id in ids:
            first.setdefault(emails[id].thread, id)
        return list(first.values())


def casemap(text: str) -> bytes:
    """What ``i;unicode-casemap`` compares: titlecase, fully decomposed, octet by octet (RFC 5051)."""
    return unicodedata.normalize(
        "NFKD", "".join(one.title() if len(one.title()) == 1 else one for one in text)
    ).encode()


def applied(cached: list[str | None], changes: dict[str, Any]) -> list[str | None]:
    """A client's cached results, with the response of /queryChanges applied (RFC 8620 section 5.6)."""
    results = [id for id in cached if id is None or id not in changes["removed"]]
    for item in changes["added"]:
        results += [None] * (item["index"] - len(results))
        results.insert(item["index"], item["id"])
    total = changes["total"]
    return [*results[:total], *[None] * (total - len(results))]
