"""The four counts of a Mailbox, kept as Emails change (RFC 8621 section 2), and what the account uses.

One pure function says what a Thread adds to each Mailbox it is in. Whoever changes Emails has each Thread's share
worked out before and after, and the difference is added: right for flags, moves, trash and destruction alike.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from jmapd.store import mailboxes, quotas, threads
from jmapd.store.changes import AccountChanges
from jmapd.store.database import Database
from jmapd.store.quotas import COUNT_QUOTA, OCTETS_QUOTA, Usage
from jmapd.store.threads import Member

Share = tuple[int, int, int, int]
"""Emails, unread Emails, Threads, unread Threads."""

_NOTHING: Share = (0, 0, 0, 0)


def shares(members: Iterable[Member], trash: int | None) -> dict[int, Share]:
    """What one Thread adds to the counts of each Mailbox.

    An Email in the trash alone does not make the Thread unread elsewhere, and only Emails in the trash make it
    unread there (RFC 8621 section 2, unreadThreads).

    :param members: the Thread's Emails.
    :param trash: the Mailbox with the role "trash", if there is one.
    """
    members = list(members)
    only_trash = frozenset(() if trash is None else (trash,))
    unread_elsewhere = any(member.unread and member.mailboxes != only_trash for member in members)
    unread_in_trash = any(member.unread and trash in member.mailboxes for member in members)
    found: dict[int, Share] = {}
    for member in members:
        for mailbox in member.mailboxes:
            thread_unread = unread_in_trash if mailbox == trash else unread_elsewhere
            total, unread, _, _ = found.get(mailbox, _NOTHING)
            found[mailbox] = (total + 1, unread + member.unread, 1, int(thread_unread))
    return found


@attrs.define(eq=False)
class Counts:
    """Follows the Threads that one method call touches, and brings the Mailboxes' counts up to date at its end."""

    database: Database
    changes: AccountChanges
    trash: int | None
    _threads: dict[int, dict[int, Member]] = attrs.field(factory=dict)
    _before: dict[int, dict[int, Share]] = attrs.field(factory=dict)
    _usage: Usage | None = None
    _emails: int = 0
    _octets: int = 0

    def has_room(self, size: int) -> bool:
        """Whether the account may hold one more Email of a size."""
        usage = self._read_usage()
        more = attrs.evolve(usage, emails=usage.emails + self._emails, octets=usage.octets + self._octets)
        return more.has_room(size)

    def came(self, size: int) -> None:
        """The account holds one more Email."""
        self._emails += 1
        self._octets += size

    def went(self, size: int) -> None:
        """The account holds one Email less."""
        self._emails -= 1
        self._octets -= size

    def members(self, thread: int) -> dict[int, Member]:
        """The Emails of a Thread by number, as this method call sees them; the caller changes them in place."""
        known = self._threads.get(thread)
        if known is None:
            known = self._threads[thread] = threads.members(self.database, self.changes.account, thread)
            self._before[thread] = shares(known.values(), self.trash)
        return known

    def new_thread(self, thread: int) -> None:
        """A Thread is new, so there is nothing to be read of it."""
        self._threads[thread] = {}
        self._before[thread] = {}

    def save(self) -> None:
        """Write the differences; a Mailbox whose counts changed has changed, though not substantively."""
        difference: dict[int, Share] = {}
        for thread, members in self._threads.items():
            before, after = self._before[thread], shares(members.values(), self.trash)
            for mailbox in before.keys() | after.keys():
                more = _minus(after.get(mailbox, _NOTHING), before.get(mailbox, _NOTHING))
                difference[mailbox] = _plus(difference.get(mailbox, _NOTHING), more)
        for mailbox, more in difference.items():
            if more != _NOTHING:
                mailboxes.count(self.database, self.changes.account, mailbox, more)
                self.changes.updated("Mailbox", mailbox, substantive=False)
        self._threads.clear()
        self._before.clear()
        self._save_usage()

    def _read_usage(self) -> Usage:
        """What the account used when this call began, or last saved."""
        if self._usage is None:
            self._usage = quotas.read(self.database, self.changes.account)
        return self._usage

    def _save_usage(self) -> None:
        emails, octets, self._emails, self._octets = self._emails, self._octets, 0, 0
        if not emails and not octets:
            return
        usage, self._usage = self._read_usage(), None
        quotas.use(self.database, self.changes.account, emails=emails, octets=octets)
        for quota, limit, more in (
            (OCTETS_QUOTA, usage.max_octets, octets),
            (COUNT_QUOTA, usage.max_emails, emails),
        ):
            if limit is not None and more:
                self.changes.updated("Quota", quota, substantive=False)


def recount(database: Database, changes: AccountChanges, old_trash: int | None, new_trash: int | None) -> None:
    """The role "trash" has moved: bring the counts of unread Threads up to date.

    Only Threads with an Email in either Mailbox count differently now.
    """
    concerned: set[int] = set()
    for mailbox in (old_trash, new_trash):
        if mailbox is not None:
            concerned.update(threads.with_email_in(database, changes.account, mailbox))
    difference: dict[int, Share] = {}
    for thread in concerned:
        members = list(threads.members(database, changes.account, thread).values())
        before, after = shares(members, old_trash), shares(members, new_trash)
        for mailbox, share in after.items():
            difference[mailbox] = _plus(difference.get(mailbox, _NOTHING), _minus(share, before[mailbox]))
    for mailbox, more in difference.items():
        if more != _NOTHING:
            mailboxes.count(database, changes.account, mailbox, more)
            changes.updated("Mailbox", mailbox, substantive=False)


def counted(database: Database, account: int, trash: int | None) -> dict[int, Share]:
    """The counts of each Mailbox that holds an Email, as all rows of the account give them."""
    found: dict[int, Share] = {}
    for members in threads.all_members(database, account):
        for mailbox, share in shares(members, trash).items():
            found[mailbox] = _plus(found.get(mailbox, _NOTHING), share)
    return found


def miscounts(database: Database, account: int) -> dict[int, Share]:
    """For each Mailbox whose counts are not what all rows give, what is to be added to them."""
    rows = mailboxes.all_of(database, account)
    right = counted(database, account, mailboxes.trash_of(rows))
    wrong = {id: _minus(right.get(id, _NOTHING), row.counts) for id, row in rows.items()}
    return {id: more for id, more in wrong.items() if more != _NOTHING}


def _plus(one: Share, other: Share) -> Share:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _minus(one: Share, other: Share) -> Share:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2], one[3] - other[3]
