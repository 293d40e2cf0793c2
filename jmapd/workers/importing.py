"""What `jmapctl import` asks for: messages brought in from elsewhere."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import attrs

from jmapd.datatypes.email import mutable
from jmapd.datatypes.email.add import NewEmail, add_email
from jmapd.datatypes.email.prepare import read_raw
from jmapd.datatypes.email.reading import Reading
from jmapd.datatypes.mailbox import names
from jmapd.methods.context import Context, NeedsPreparation, PreparedMessage, Scope
from jmapd.protocol.errors import SetError
from jmapd.store import emails, mailboxes
from jmapd.store.blobs import INLINE, Piece
from jmapd.store.counts import Counts
from jmapd.store.mailboxes import MailboxRow
from jmapd.store.store import Store
from jmapd.store.threads import Member
from jmapd.workers import answers
from jmapd.workers.answers import Answer, OperationRefused
from jmapd.workers.identity import Identity


@attrs.frozen
class Importing:
    """The operations about messages brought in."""

    store: Store
    identity: Identity

    def import_read(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Read a message that is to be brought in, unless it is where it shall be already."""
        _, scope = self._own(arguments["name"])
        hash = hashlib.sha256(body).digest()
        mailbox = self._find(scope, arguments["mailbox"], arguments["role"])
        if mailbox is not None and self._is_there(scope, hash, mailbox):
            return Answer({"outcome": "present"})
        try:
            reading = read_raw(body, Piece(hash))
        except SetError as error:
            return Answer({"outcome": "refused", "detail": error.description})
        small = len(body) <= INLINE
        if not small:
            self.store.blobs.write_file(body)
        return answers.prepared(PreparedMessage(hash, len(body), body if small else None, reading))

    def import_store(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Store a message that `import_read` has read."""
        own, prepared = answers.split_prepared(arguments, body)
        context, scope = self._own(arguments["name"], prepared)
        message = answers.read_prepared(arguments["message"], own)
        assert isinstance(message, PreparedMessage)
        mailbox = self._find(scope, arguments["mailbox"], arguments["role"])
        if mailbox is None:
            mailbox = self._make(scope, arguments["mailbox"], arguments["role"])
        counts = Counts(self.store.database, scope.changes, self._trash(scope))
        there = emails.with_blob(self.store.database, scope.number, message.hash)
        if there:
            outcome = self._enter(scope, counts, there, mailbox)
        else:
            try:
                outcome = self._import(context, scope, counts, message, mailbox, arguments)
            except SetError as error:
                raise OperationRefused(error.type, error.description or "") from None
        counts.save()
        try:
            context.finish_call()
        except NeedsPreparation as needs:
            return answers.needs(needs.wanted)
        return Answer({"outcome": outcome}, changed=context.changed)

    def _import(
        self,
        context: Context,
        scope: Scope,
        counts: Counts,
        message: PreparedMessage,
        mailbox: int,
        arguments: dict[str, Any],
    ) -> str:
        reading = Reading.unpack(message.reading)
        received_at = arguments["received_at"]
        if received_at is None:
            received_at = reading.received_at or reading.sent_at or int(time.time()) * 1000
        keywords = mutable.read_keywords(dict.fromkeys(arguments["keywords"], True))
        self.store.blobs.add(self.store.database, message.hash, message.size, message.data)
        new = NewEmail(message.hash, message.size, reading, frozenset((mailbox,)), keywords, received_at)
        add_email(context, scope, counts, new)
        return "imported"

    def _enter(self, scope: Scope, counts: Counts, there: list[int], mailbox: int) -> str:
        """The same message is in the account: it gets into the Mailbox too, if it is not there yet."""
        found = emails.mutable(self.store.database, there)
        if any(mailbox in email.mailboxes for email in found.values()):
            return "present"
        email = found[there[0]]
        all_of = email.mailboxes | {mailbox}
        counts.members(email.thread)[email.id] = Member(email.unread, all_of)
        emails.set_mailboxes(self.store.database, scope.number, email, all_of)
        scope.changes.updated("Email", email.id)
        return "imported"

    def _own(
        self, name: str, prepared: Mapping[str, PreparedMessage | SetError] | None = None
    ) -> tuple[Context, Scope]:
        user = self.identity.known(name)
        context = Context(self.store, self.identity.settings.limits, user.id, now=0, prepared=prepared or {})
        own = next(access for access in context.accesses.values() if access.personal)
        return context, context.scope_of(own)

    def _trash(self, scope: Scope) -> int | None:
        return mailboxes.trash_of(mailboxes.all_of(self.store.database, scope.number))

    def _is_there(self, scope: Scope, hash: bytes, mailbox: int) -> bool:
        there = emails.with_blob(self.store.database, scope.number, hash)
        found = emails.mutable(self.store.database, there)
        return any(mailbox in email.mailboxes for email in found.values())

    def _find(self, scope: Scope, path: list[str], role: str | None) -> int | None:
        rows = mailboxes.all_of(self.store.database, scope.number)
        if role is not None:
            for row in rows.values():
                if row.role == role:
                    return row.id
        parent = None
        for name in map(_mailbox_name, path):
            parent = _child(rows, parent, name)
            if parent is None:
                return None
        return parent

    def _make(self, scope: Scope, path: list[str], role: str | None) -> int:
        """Make the Mailbox of a path, with those above it; below the deepest level names are joined."""
        rows = mailboxes.all_of(self.store.database, scope.number)
        deep = (
            [*path[: names.MAX_DEPTH - 1], "/".join(path[names.MAX_DEPTH - 1 :])] if path[names.MAX_DEPTH :] else path
        )
        parent = None
        for at, name in enumerate(map(_mailbox_name, deep), 1):
            found = _child(rows, parent, name)
            if found is None:
                of_role = role if at == len(deep) and role in names.ROLES else None
                row = MailboxRow(scope.changes.next(), name, parent, of_role, 10, subscribed=True)
                mailboxes.add(self.store.database, scope.number, row)
                scope.changes.made("Mailbox", row.id)
                rows[row.id], found = row, row.id
            parent = found
        assert parent is not None
        return parent


def _mailbox_name(name: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in name)
    return names.normalized(printable.encode()[: names.MAX_NAME].decode(errors="ignore")) or "Imported"


def _child(rows: dict[int, MailboxRow], parent: int | None, name: str) -> int | None:
    return next((row.id for row in rows.values() if row.parent == parent and row.name == name), None)
