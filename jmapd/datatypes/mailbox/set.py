"""Mailbox/set: making, changing and destroying Mailboxes (RFC 8621 section 2.5)."""

from __future__ import annotations

from typing import Any

import attrs

from jmapd.datatypes.email.destroy import destroy_email
from jmapd.datatypes.mailbox import names
from jmapd.datatypes.mailbox.properties import shown
from jmapd.datatypes.mailbox.seen import rows_seen, subscribe
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.protocol import ids
from jmapd.protocol.errors import SetError, invalid_properties
from jmapd.store import counts, emails, mailboxes, threads
from jmapd.store.counts import Counts
from jmapd.store.mailboxes import MailboxRow, mailbox_id

MAX_SORT_ORDER = 2**31 - 1

_SETTABLE = frozenset({"name", "parentId", "role", "sortOrder", "isSubscribed"})
_SERVER_SET = frozenset({"id", "totalEmails", "unreadEmails", "totalThreads", "unreadThreads", "myRights"})


@attrs.define(eq=False)
class MailboxSetter:
    """Mailbox/set for one account."""

    context: Context
    scope: Scope
    rows: dict[int, MailboxRow]
    remove_emails: bool
    _old_trash: int | None

    @classmethod
    def open(cls, context: Context, scope: Scope, arguments: Arguments) -> MailboxSetter:
        """Read the account's Mailboxes."""
        rows = rows_seen(context, scope)
        remove_emails = arguments.boolean("onDestroyRemoveEmails")
        return cls(context, scope, rows, remove_emails, mailboxes.trash_of(rows))

    def create(self, creation_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        """Make a Mailbox."""
        given_by_server = sorted(properties.keys() & _SERVER_SET)
        if given_by_server:
            raise invalid_properties("The server sets these properties.", *given_by_server)
        if "name" not in properties:
            raise invalid_properties("A Mailbox needs a name.", "name")
        draft = MailboxRow(0, "", None, None, 0, False)
        row = attrs.evolve(self._changed(draft, properties), id=self.scope.changes.next())
        self._check_place(row)
        mailboxes.add(self.context.store.database, self.scope.number, attrs.evolve(row, subscribed=False))
        if row.subscribed:
            subscribe(self.context, self.scope, row)
        self.scope.changes.made("Mailbox", row.id)
        self.rows[row.id] = row
        made = shown(row, read_only=False)
        return {name: value for name, value in made.items() if name not in properties or value != properties[name]}

    def update(self, number: int, patch: dict[str, Any]) -> dict[str, Any] | None:
        """Change a Mailbox; all its settable properties are plain values, so a patch only names them."""
        row = self._existing(number)
        current = shown(row, read_only=False)
        fixed = sorted(name for name in patch.keys() & _SERVER_SET if patch[name] != current[name])
        if fixed:
            raise invalid_properties("The server sets these properties.", *fixed)
        changed = self._changed(row, {name: value for name, value in patch.items() if name not in _SERVER_SET})
        if row.role == "inbox" and changed.role != "inbox":
            raise SetError("forbidden", "The inbox keeps its role.")
        self._check_place(changed)
        if changed != row:
            mailboxes.change(self.context.store.database, self.scope.number, changed)
            if changed.subscribed != row.subscribed:
                subscribe(self.context, self.scope, changed)
            self.scope.changes.updated("Mailbox", number)
            self.rows[number] = changed
        return {"name": changed.name} if "name" in patch and changed.name != patch["name"] else None

    def destroy(self, number: int) -> None:
        """Remove a Mailbox, and its Emails from it where the call says so."""
        row = self._existing(number)
        if row.role == "inbox":
            raise SetError("forbidden", "The inbox cannot be destroyed.")
        if any(other.parent == number for other in self.rows.values()):
            raise SetError("mailboxHasChild")
        database = self.context.store.database
        held = mailboxes.emails_in(database, self.scope.number, number)
        if held and not self.remove_emails:
            raise SetError("mailboxHasEmail")
        self._take_out(number, held)
        mailboxes.remove(database, self.scope.number, number)
        self.scope.changes.destroyed("Mailbox", number)
        del self.rows[number]

    def finish(self) -> None:
        """The role "trash" may have moved, and with it what counts as unread."""
        trash = mailboxes.trash_of(self.rows)
        if trash != self._old_trash:
            counts.recount(self.context.store.database, self.scope.changes, self._old_trash, trash)

    def _existing(self, number: int) -> MailboxRow:
        row = self.rows.get(number)
        if row is None:
            raise SetError("notFound")
        return row

    def _changed(self, row: MailboxRow, properties: dict[str, Any]) -> MailboxRow:
        unknown = sorted(properties.keys() - _SETTABLE)
        if unknown:
            raise invalid_properties("A Mailbox has no such properties.", *(name[:100] for name in unknown))
        new: dict[str, Any] = {}
        wrong: list[str] = []
        for name, value in properties.items():
            if not self._read(name, value, new):
                wrong.append(name)
        if wrong:
            raise invalid_properties("These values are not allowed.", *wrong)
        return attrs.evolve(row, **new)

    def _read(self, name: str, value: Any, new: dict[str, Any]) -> bool:
        """Put a property's value into ``new``, and say whether it is allowed."""
        if name == "name":
            new["name"] = names.normalized(value) if isinstance(value, str) else None
            return new["name"] is not None
        if name == "parentId":
            return self._read_parent(value, new)
        if name == "role":
            new["role"] = value
            return value is None or value in names.ROLES
        if name == "sortOrder":
            new["sort_order"] = 0 if value is None else value
            return value is None or (type(value) is int and 0 <= value <= MAX_SORT_ORDER)
        new["subscribed"] = False if value is None else value
        return value is None or isinstance(value, bool)

    def _read_parent(self, value: Any, new: dict[str, Any]) -> bool:
        if value is None:
            new["parent"] = None
            return True
        id = self.context.referred(value) if isinstance(value, str) else None
        new["parent"] = ids.number(mailboxes.ID_PREFIX, id) if id else None
        return new["parent"] in self.rows

    def _check_place(self, row: MailboxRow) -> None:
        """No loop, not too deep, no sibling of that name, no other Mailbox of that role."""
        above = 0
        parent = row.parent
        while parent is not None:
            above += 1
            if parent == row.id or above >= names.MAX_DEPTH:
                raise invalid_properties("That parent is below this Mailbox, or too deep.", "parentId")
            parent = self.rows[parent].parent
        if row.id in self.rows and above + self._height(row.id) >= names.MAX_DEPTH:
            raise invalid_properties("Mailboxes below this one would be too deep.", "parentId")
        for other in self.rows.values():
            if other.id == row.id:
                continue
            if other.parent == row.parent and other.name == row.name:
                raise SetError("alreadyExists", "A sibling has that name.", existingId=mailbox_id(other.id))
            if row.role is not None and other.role == row.role:
                raise invalid_properties("Another Mailbox has that role.", "role")

    def _height(self, number: int) -> int:
        below = [other.id for other in self.rows.values() if other.parent == number]
        return 1 + max((self._height(one) for one in below), default=-1)

    def _take_out(self, mailbox: int, held: list[int]) -> None:
        """Take the Emails out of a Mailbox; those that are in no other are destroyed."""
        database, scope = self.context.store.database, self.scope
        tally = Counts(database, scope.changes, mailboxes.trash_of(self.rows))
        for email in emails.mutable(database, held).values():
            left = email.mailboxes - {mailbox}
            if not left:
                destroy_email(database, scope, tally, email)
                continue
            emails.set_mailboxes(database, scope.number, email, left)
            members = tally.members(email.thread)
            members[email.id] = threads.Member(email.unread, left)
            scope.changes.updated("Email", email.id)
        tally.save()
