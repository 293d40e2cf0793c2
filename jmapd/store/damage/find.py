"""Damage of a store, found: what disagrees with what, said in a line each, with what would mend it.

Nothing is changed here. All is read in the memory of a Thread, a blob or a Mailbox list, however much there is.
`jmapd.store.damage.mend` mends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import orjson
from sqlalchemy import Column, bindparam, exists, func, select, union
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store import counts, mailboxes, objects, quotas, sqlite, submitted, sweep
from jmapd.store.blobs import Blobs, blob_id
from jmapd.store.damage import lookups, mend, records, strays
from jmapd.store.damage.mend import Mend
from jmapd.store.database import Database
from jmapd.store.emails import email_id
from jmapd.store.schema import accounts as accounts_table
from jmapd.store.schema import blobs, emails, left_texts, queue, reports

EXAMPLES = 5
"""How many of many things are named."""


@attrs.frozen
class Damage:
    """Something that is not as it should be.

    :param said: what, in one line.
    :param mend: what mends it; ``None`` where nothing can.
    """

    said: str
    mend: Mend | None = None


def engine(database: Database) -> Iterator[Damage]:
    """What SQLite itself finds; after that, nothing else may be readable."""
    for line in sqlite.problems(database.connection, 100):
        yield Damage(f"the database: {line}", mend.INDEXES)


def stray_rows(database: Database) -> Iterator[Damage]:
    """Rows that belong to something that is not there."""
    for stray, count in strays.found(database):
        yield Damage(f"{count:,} {stray.said}", None if stray.is_mail else mend.STRAYS)


def all_accounts(database: Database) -> list[tuple[int, str]]:
    """Number and name of each account."""
    return database.execute(_accounts).fetchall()


def account(database: Database, number: int, name: str) -> Iterator[Damage]:
    """What is wrong in an account."""
    for look in (_counts, _usage, _lookups, _records, _submissions):
        try:
            yield from (Damage(f"{name}: {one.said}", one.mend) for one in look(database, number))
        except ValueError as error:
            yield Damage(f"{name}: a row cannot be read: {error}")


def _counts(database: Database, account: int) -> Iterator[Damage]:
    rows = mailboxes.all_of(database, account)
    for mailbox, more in counts.miscounts(database, account).items():
        kept = rows[mailbox].counts
        right = tuple(one + other for one, other in zip(kept, more, strict=True))
        yield Damage(
            f"the Mailbox {rows[mailbox].name!r} says {_four(kept)}, and has {_four(right)}", mend.account(account)
        )
    unknown = counts.counted(database, account, None).keys() - rows.keys()
    for mailbox in sorted(unknown)[:EXAMPLES]:
        yield Damage(f"Emails are in the Mailbox {mailboxes.mailbox_id(mailbox)}, which there is not")


def _four(share: tuple[int, ...]) -> str:
    return "{:,} Emails ({:,} unread) and {:,} Threads ({:,} unread)".format(*share)


def _usage(database: Database, account: int) -> Iterator[Damage]:
    emails_more, octets_more = quotas.miscount(database, account)
    if emails_more or octets_more:
        usage = quotas.read(database, account)
        yield Damage(
            f"it is said to use {usage.octets:,} octets in {usage.emails:,} Emails, "
            f"and uses {usage.octets + octets_more:,} in {usage.emails + emails_more:,}",
            mend.account(account),
        )


def _lookups(database: Database, account: int) -> Iterator[Damage]:
    if wrong := lookups.wrong(database, account):
        yield Damage(
            f"{wrong:,} Emails cannot be found by their Mailbox or keyword, or are found by a wrong one",
            mend.account(account),
        )


def _records(database: Database, account: int) -> Iterator[Damage]:
    if behind := records.behind(database, account):
        yield Damage(f"its modseq is {behind:,} behind what it has been taken for", mend.account(account))
    for type, modseq in records.late_states(database, account).items():
        yield Damage(f"the state of {type} is older than its last change, {modseq}", mend.account(account))
    for find, said in (
        (records.unrecorded, "no entry in the table of changes"),
        (records.ghosts, "an entry in the table of changes, and are not there"),
    ):
        found = find(database, account, EXAMPLES + 1)
        if found:
            named = ", ".join(f"{type} {object}" for type, object in found[:EXAMPLES])
            yield Damage(f"objects have {said}: {named}{_more(len(found))}", mend.account(account))


def _submissions(database: Database, account: int) -> Iterator[Damage]:
    waiting = dict(database.execute(_waiting, account=account).fetchall())
    for number, envelope in waiting.items():
        if not _is_envelope(envelope):
            yield Damage(f"the message {number} that waits to be sent has no envelope")
    for number, row in objects.all_of(database, account, submitted.TYPE).items():
        if row.get("undoStatus") == "pending" and number not in waiting:
            yield Damage(f"the {submitted.TYPE} {number} is pending, and its message does not wait to be sent")


def _is_envelope(data: bytes) -> bool:
    try:
        envelope = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(envelope, dict) and "mailFrom" in envelope and bool(envelope.get("rcptTo"))


def texts(database: Database) -> Iterator[Damage]:
    """What is wrong with the full-text index."""
    if not sqlite.is_text_index_sound(database.connection):
        yield Damage("the full-text index is damaged", mend.ALL_TEXTS)
    for expression, said, way in (
        (_unindexed, "Emails have no row in the full-text index", mend.TEXTS),
        (_dead, "rows of the full-text index have no Email", mend.ALL_TEXTS),
    ):
        count, least = database.execute(expression).fetchone()
        if count:
            yield Damage(f"{count:,} {said}, the first of them {least}", way)


def stored_blobs(database: Database, store: Blobs, advance: Callable[[int, int], None]) -> Iterator[Damage]:
    """Blobs that are not what their hash says.

    :param advance: told how many octets more have been read, and how many blobs it is by now.
    """
    for number, (hash, size, data) in enumerate(database.execute(_blobs), 1):
        where = "the database" if data is not None else f"the file blobs/{hash.hex()[:2]}/{hash.hex()}"
        try:
            found, octets = store.looked_at(hash, data)
        except OSError as error:
            yield Damage(f"{where} cannot be read ({error.strerror}): it is {_referring(database, hash)}")
        else:
            if found != hash:
                yield Damage(f"the blob {blob_id(hash)} in {where} is damaged: it is {_referring(database, hash)}")
            elif octets != size:
                said = f"the blob {blob_id(hash)} is said to have {size:,} octets, and has {octets:,}"
                yield Damage(said, mend.size(hash, octets))
        advance(size, number)
    for (hash,) in database.execute(_lost_blobs):
        yield Damage(f"the blob {blob_id(hash)} is not there: it is {_referring(database, hash)}")


def _referring(database: Database, hash: bytes) -> str:
    """The Emails and others that a blob is of."""
    named = [
        f"Email {email_id(email)} of {name or 'nobody'}"
        for email, name in database.execute(_emails_of, hash=hash, bound=EXAMPLES)
    ]
    (count,) = database.execute(_count_of, hash=hash).fetchone()
    for expression, said in (
        (_waiting_of, "messages that wait to be sent"),
        (_reports_of, "reports on what was sent"),
    ):
        (others,) = database.execute(expression, hash=hash).fetchone()
        named += [f"{others:,} {said}"] if others else []
    return (", ".join(named) or "no Email's") + (f" and {count - EXAMPLES:,} more" if count > EXAMPLES else "")


def files(database: Database, store: Blobs, incoming: Path) -> Iterator[Damage]:
    """Files that no row names, and that are too old for one that is to come."""
    for folder in range(sweep.FOLDERS):
        for path in sweep.unnamed_files(database, store, incoming, folder):
            yield Damage(f"the file {path.relative_to(store.folder.parent)} belongs to nothing", mend.FILES)


def _more(count: int) -> str:
    return " and more" if count > EXAMPLES else ""


def _accounts() -> ClauseElement:
    return select(accounts_table.c.id, accounts_table.c.name).order_by(accounts_table.c.id)


def _waiting() -> ClauseElement:
    return select(queue.c.id, queue.c.envelope).where(queue.c.account == bindparam("account"))


def _unindexed() -> ClauseElement:
    indexed = exists().where(sqlite.indexed_texts.c.id == emails.c.id)
    return select(func.count(), func.min(emails.c.id)).where(~indexed)


def _dead() -> ClauseElement:
    id = sqlite.indexed_texts.c.id
    return select(func.count(), func.min(id)).where(
        ~exists().where(emails.c.id == id), ~exists().where(left_texts.c.email == id)
    )


def _blobs() -> ClauseElement:
    return select(blobs.c.hash, blobs.c.size, blobs.c.data)


def _lost_blobs() -> ClauseElement:
    """Those that a message is of, and that have no row."""
    return union(*(_lost(hash) for hash in (emails.c.blob, queue.c.blob, reports.c.blob)))


def _lost(hash: Column[Any]) -> Any:
    return select(hash).where(~exists().where(blobs.c.hash == hash))


def _emails_of() -> ClauseElement:
    return (
        select(emails.c.id, accounts_table.c.name)
        .join_from(emails, accounts_table, accounts_table.c.id == emails.c.account, isouter=True)
        .where(emails.c.blob == bindparam("hash"))
        .limit(bindparam("bound"))
    )


def _count_of() -> ClauseElement:
    return select(func.count()).select_from(emails).where(emails.c.blob == bindparam("hash"))


def _waiting_of() -> ClauseElement:
    return select(func.count()).select_from(queue).where(queue.c.blob == bindparam("hash"))


def _reports_of() -> ClauseElement:
    return select(func.count()).select_from(reports).where(reports.c.blob == bindparam("hash"))
