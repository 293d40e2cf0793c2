"""Rows of Emails, with the tables that their Mailboxes, keywords and Threads are looked up by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import attrs
import orjson
from sqlalchemy import Text, bindparam, cast, delete, select, update
from sqlalchemy.sql.expression import ClauseElement

from jmapd.protocol import ids
from jmapd.store import numbers, sqlite
from jmapd.store.changes import highest_object
from jmapd.store.database import Database
from jmapd.store.mailboxes import mailbox_id
from jmapd.store.schema import (
    accounts,
    email_bodies,
    email_keywords,
    emails,
    left_texts,
    mailbox_emails,
)
from jmapd.store.sqlite import insert, listed

ID_PREFIX = "e"

_HEADERS = 3
"""The line of a body's ready JSON that holds the header."""

_TIES = 1 << numbers.TIE_BITS


@attrs.frozen
class EmailRow:
    """An Email as it is kept, but for its body.

    :param received_at: milliseconds since 1970, as ``sent_at``.
    :param keywords: ready JSON, as ``mailboxes``.
    :param metadata: the immutable properties as ready JSON, one on each line.
    """

    id: int
    account: int
    thread: int
    blob: bytes
    size: int
    received_at: int
    sent_at: int | None
    unread: bool
    has_attachment: bool
    subject_key: str
    from_key: str
    to_key: str
    keywords: bytes
    mailboxes: bytes
    metadata: bytes


@attrs.frozen
class Mutable:
    """What of an Email can change."""

    id: int
    thread: int
    blob: bytes
    size: int
    received_at: int
    unread: bool
    keywords: frozenset[str]
    mailboxes: frozenset[int]


def email_id(number: int) -> str:
    """The Email's Id."""
    return ids.numbered(ID_PREFIX, numbers.within_account(number))


def email_number(account: int, id: str) -> int | None:
    """The number of an Email's Id, or ``None`` where it cannot be one of this account."""
    rest = ids.number(ID_PREFIX, id)
    return None if rest is None else numbers.in_account(account, rest)


def keywords_json(keywords: Iterable[str]) -> bytes:
    """An Email's keywords property."""
    return orjson.dumps(dict.fromkeys(sorted(keywords), True))


def mailboxes_json(mailboxes: Iterable[int]) -> bytes:
    """An Email's mailboxIds property."""
    return orjson.dumps({mailbox_id(mailbox): True for mailbox in sorted(mailboxes)})


def is_unread(keywords: Collection[str]) -> bool:
    """Whether an Email counts as unread (RFC 8621 section 2)."""
    return "$seen" not in keywords and "$draft" not in keywords


def new_number(database: Database, account: int, received_at: int) -> int:
    """A number that no Email of the account has or had, in the order of receivedAt.

    A second that is full spills into the next free one. Where a number cannot be in order (another Email is in the
    way, or the date does not fit) the account is marked, so that its queries sort by the exact date.

    :param received_at: milliseconds since 1970.
    """
    wanted = received_at // 1000
    second = min(max(wanted, 0), numbers.MAX_SECOND)
    while True:
        low = numbers.first_of_second(account, second)
        row = database.execute(highest_object, account=account, type="Email", low=low, high=low + _TIES - 1).fetchone()
        if row[0] is None or row[0] < low + _TIES - 1:
            break
        second = second + 1 if second < numbers.MAX_SECOND else 0
    number = low if row[0] is None else int(row[0]) + 1
    if second < wanted or wanted < 0 or _is_out_of_order(database, account, wanted, number, received_at):
        database.execute(_mark_spilled, the_account=account)
    return number


def _is_out_of_order(database: Database, account: int, second: int, number: int, received_at: int) -> bool:
    """Whether an Email with a lower number, of this second or of those it spilled over, is newer."""
    low = numbers.first_of_second(account, second)
    row = database.execute(_newer, low=low, high=number - 1, received_at=received_at).fetchone()
    return row is not None


def is_spilled(database: Database, account: int) -> bool:
    """Whether the order of an account's numbers is not exactly that of receivedAt."""
    return bool(database.execute(_spilled, account=account).fetchone()[0])


def add(database: Database, row: EmailRow, body: bytes, mailboxes: Collection[int], keywords: Collection[str]) -> None:
    """Keep a new Email."""
    database.execute(_add, **attrs.asdict(row, recurse=False))
    database.execute(_add_body, email=row.id, body=body)
    _join(database, row.account, row.id, row.thread, mailboxes)
    _tag(database, row.account, row.id, keywords)


def set_keywords(database: Database, account: int, old: Mutable, keywords: frozenset[str]) -> None:
    """Keep an Email's new keywords."""
    database.execute(_set_keywords, the_id=old.id, new_keywords=keywords_json(keywords), new_unread=is_unread(keywords))
    for keyword in old.keywords - keywords:
        database.execute(_untag, account=account, keyword=keyword, email=old.id)
    _tag(database, account, old.id, keywords - old.keywords)


def enter(database: Database, account: int, email: Mutable) -> None:
    """Have an Email be found by its Mailboxes and keywords, by none of which it is."""
    _join(database, account, email.id, email.thread, email.mailboxes)
    _tag(database, account, email.id, email.keywords)
    if email.unread != is_unread(email.keywords):
        set_keywords(database, account, email, email.keywords)


def set_mailboxes(database: Database, account: int, old: Mutable, mailboxes: frozenset[int]) -> None:
    """Keep which Mailboxes an Email is in now."""
    database.execute(_set_mailboxes, the_id=old.id, new_mailboxes=mailboxes_json(mailboxes))
    for mailbox in old.mailboxes - mailboxes:
        database.execute(_leave, account=account, mailbox=mailbox, email=old.id)
    _join(database, account, old.id, old.thread, mailboxes - old.mailboxes)


def remove(database: Database, account: int, old: Mutable) -> None:
    """Forget an Email."""
    for mailbox in old.mailboxes:
        database.execute(_leave, account=account, mailbox=mailbox, email=old.id)
    for keyword in old.keywords:
        database.execute(_untag, account=account, keyword=keyword, email=old.id)
    database.execute(_leave_text, email=old.id, blob=old.blob)
    database.execute(_remove_body, id=old.id)
    database.execute(_remove, id=old.id)


def mutable(database: Database, numbers: Iterable[int]) -> dict[int, Mutable]:
    """What can change of the Emails with these numbers, those that there are."""
    rows = database.execute(_mutable, ids=orjson.dumps(list(numbers)).decode())
    return {
        id: Mutable(
            id,
            thread,
            blob,
            size,
            received,
            bool(unread),
            frozenset(orjson.loads(keywords)),
            mailbox_numbers(mailboxes),
        )
        for id, thread, blob, size, received, unread, keywords, mailboxes in rows
    }


def metadata(database: Database, numbers: Iterable[int]) -> Iterator[tuple[int, bytes, bytes, bytes]]:
    """Number, keywords, mailboxIds and metadata of the Emails with these numbers, those that there are."""
    return iter(database.execute(_metadata, ids=orjson.dumps(list(numbers)).decode()))


def bodies(database: Database, numbers: Iterable[int]) -> dict[int, bytes]:
    """The bodies' ready JSON of the Emails with these numbers."""
    return dict(database.execute(_bodies, ids=orjson.dumps(list(numbers)).decode()).fetchall())


def headers(database: Database, number: int) -> list[dict[str, str]]:
    """The header fields of an Email that there is, as its ``headers`` property has them."""
    body = bodies(database, [number])[number]
    found: list[dict[str, str]] = orjson.loads(b"{" + body.split(b"\n")[_HEADERS] + b"}")["headers"]
    return found


def threads_of(database: Database, numbers: Iterable[int]) -> set[int]:
    """The Threads of the Emails with these numbers."""
    return {row[0] for row in database.execute(_threads_of, ids=orjson.dumps(list(numbers)).decode())}


def of_threads(database: Database, account: int, threads: Iterable[int]) -> list[int]:
    """The Emails of an account's Threads."""
    listed_ = orjson.dumps(list(threads)).decode()
    return [row[0] for row in database.execute(_of_threads, account=account, ids=listed_)]


def all_numbers(database: Database, account: int) -> list[int]:
    """The numbers of an account's Emails."""
    low, high = numbers.account_range(account)
    return [row[0] for row in database.execute(_numbers, low=low, high=high)]


def with_blob(database: Database, account: int, blob: bytes) -> list[int]:
    """The Emails whose message is this blob."""
    return [row[0] for row in database.execute(_with_blob, account=account, blob=blob)]


def with_message_ids(database: Database, account: int, message_ids: Collection[str]) -> dict[str, list[int]]:
    """The Emails with these Message-IDs. All rows of the account are looked at: 0.3 s for 100,000."""
    low, high = numbers.account_range(account)
    wanted = {orjson.dumps({"messageId": [one]})[1:-1].decode(): one for one in message_ids}
    found: dict[str, list[int]] = {}
    lines = orjson.dumps(list(wanted)).decode()
    for number, line in database.execute(_with_message_ids, low=low, high=high, ids=lines):
        found.setdefault(wanted[line], []).append(number)
    return found


def mailbox_numbers(mailboxes: bytes) -> frozenset[int]:
    """The numbers of the Mailboxes in an Email's mailboxIds property."""
    return frozenset(int(id[1:], 16) for id in orjson.loads(mailboxes))


def _join(database: Database, account: int, email: int, thread: int, mailboxes: Iterable[int]) -> None:
    for mailbox in mailboxes:
        database.execute(_enter, account=account, mailbox=mailbox, email=email, thread=thread)


def _tag(database: Database, account: int, email: int, keywords: Iterable[str]) -> None:
    for keyword in keywords:
        database.execute(_add_tag, account=account, keyword=keyword, email=email)


def _among(column: Any) -> Any:
    return column.in_(listed("ids"))


def _mark_spilled() -> ClauseElement:
    return update(accounts).where(accounts.c.id == bindparam("the_account")).values(spilled=True)


def _newer() -> ClauseElement:
    in_the_way = emails.c.id.between(bindparam("low"), bindparam("high"))
    return select(emails.c.id).where(in_the_way & (emails.c.received_at > bindparam("received_at"))).limit(1)


def _spilled() -> ClauseElement:
    return select(accounts.c.spilled).where(accounts.c.id == bindparam("account"))


def _add() -> ClauseElement:
    return insert(emails)


def _add_body() -> ClauseElement:
    return insert(email_bodies)


def _enter() -> ClauseElement:
    return insert(mailbox_emails)


def _add_tag() -> ClauseElement:
    return insert(email_keywords)


def _set_keywords() -> ClauseElement:
    return (
        update(emails)
        .where(emails.c.id == bindparam("the_id"))
        .values(keywords=bindparam("new_keywords"), unread=bindparam("new_unread"))
    )


def _set_mailboxes() -> ClauseElement:
    return update(emails).where(emails.c.id == bindparam("the_id")).values(mailboxes=bindparam("new_mailboxes"))


def _leave_text() -> ClauseElement:
    return insert(left_texts)


def _leave() -> ClauseElement:
    return delete(mailbox_emails).where(
        (mailbox_emails.c.account == bindparam("account"))
        & (mailbox_emails.c.mailbox == bindparam("mailbox"))
        & (mailbox_emails.c.email == bindparam("email"))
    )


def _untag() -> ClauseElement:
    return delete(email_keywords).where(
        (email_keywords.c.account == bindparam("account"))
        & (email_keywords.c.keyword == bindparam("keyword"))
        & (email_keywords.c.email == bindparam("email"))
    )


def _remove() -> ClauseElement:
    return delete(emails).where(emails.c.id == bindparam("id"))


def _remove_body() -> ClauseElement:
    return delete(email_bodies).where(email_bodies.c.email == bindparam("id"))


def _mutable() -> ClauseElement:
    names = ("id", "thread", "blob", "size", "received_at", "unread", "keywords", "mailboxes")
    columns = [emails.c[name] for name in names]
    return select(*columns).where(_among(emails.c.id))


def _metadata() -> ClauseElement:
    return select(emails.c.id, emails.c.keywords, emails.c.mailboxes, emails.c.metadata).where(_among(emails.c.id))


def _bodies() -> ClauseElement:
    return select(email_bodies.c.email, email_bodies.c.body).where(_among(email_bodies.c.email))


def _threads_of() -> ClauseElement:
    return select(emails.c.thread).where(emails.c.id.in_(listed("ids")))


def _of_threads() -> ClauseElement:
    return select(emails.c.id).where((emails.c.account == bindparam("account")) & emails.c.thread.in_(listed("ids")))


def _numbers() -> ClauseElement:
    return select(emails.c.id).where(emails.c.id.between(bindparam("low"), bindparam("high")))


def _with_message_ids() -> ClauseElement:
    line = cast(sqlite.line(emails.c.metadata, "messageId"), Text)
    return select(emails.c.id, line).where(
        emails.c.id.between(bindparam("low"), bindparam("high")) & line.in_(listed("ids"))
    )


def _with_blob() -> ClauseElement:
    return select(emails.c.id).where((emails.c.account == bindparam("account")) & (emails.c.blob == bindparam("blob")))
