"""The Mailbox type's descriptor, and Mailbox/get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from jmapd.datatypes.mailbox.properties import COUNT_PROPERTIES, PROPERTIES, shown
from jmapd.datatypes.mailbox.query import CONDITIONS, SORT_KEYS, query
from jmapd.datatypes.mailbox.seen import rows_seen
from jmapd.datatypes.mailbox.set import MailboxSetter
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.datatype import DataType
from jmapd.protocol import ids
from jmapd.protocol.capabilities import MAIL
from jmapd.store import mailboxes
from jmapd.store.changes import Changed
from jmapd.store.mailboxes import MailboxRow, mailbox_id


@attrs.frozen
class MailboxGetter:
    """Mailbox/get for one account."""

    rows: Mapping[int, MailboxRow]
    properties: Sequence[str]
    read_only: bool

    @classmethod
    def open(cls, context: Context, scope: Scope, properties: Sequence[str], _: Arguments) -> MailboxGetter:
        """Read the account's Mailboxes."""
        return cls(rows_seen(context, scope), properties, scope.access.read_only)

    def all(self) -> list[int]:
        """The numbers of all Mailboxes."""
        return list(self.rows)

    def fetch(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Those that there are, with the properties wanted."""
        whole = len(self.properties) == len(PROPERTIES)
        for number in numbers:
            if row := self.rows.get(number):
                properties = shown(row, read_only=self.read_only)
                yield number, properties if whole else {name: properties[name] for name in self.properties}


def changes_extra(changed: Changed) -> dict[str, Any]:
    """``updatedProperties``: where only counts have changed, they are named (RFC 8621 section 2.2)."""
    only_counts = bool(changed.updated) and not changed.substantive
    return {"updatedProperties": list(COUNT_PROPERTIES) if only_counts else None}


MAILBOX = DataType(
    name="Mailbox",
    capability=MAIL,
    properties=PROPERTIES,
    id_of=mailbox_id,
    number_of=lambda account, id: ids.number(mailboxes.ID_PREFIX, id),
    getter=MailboxGetter.open,
    setter=MailboxSetter.open,
    set_arguments=("onDestroyRemoveEmails",),
    query=query,
    query_arguments=("sortAsTree", "filterAsTree"),
    conditions=CONDITIONS,
    sort_properties=SORT_KEYS,
    changes_extra=changes_extra,
)
