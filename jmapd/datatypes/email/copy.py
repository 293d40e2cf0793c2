"""Email/copy: an Email becomes one of another account too (RFC 8621 section 4.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from jmapd.datatypes.email import mutable
from jmapd.datatypes.email.add import NewEmail, add_email
from jmapd.datatypes.email.prepare import wanted_message
from jmapd.datatypes.email.reading import Reading
from jmapd.datatypes.email.set import require, result
from jmapd.methods.context import Context, Scope, Wanted
from jmapd.protocol.errors import SetError, invalid_properties
from jmapd.store import emails, mailboxes
from jmapd.store.blobs import blob_id
from jmapd.store.counts import Counts
from jmapd.store.emails import Mutable

_PROPERTIES = frozenset({"mailboxIds", "keywords", "receivedAt"})


@attrs.define(eq=False)
class EmailCopier:
    """Email/copy from one account to another.

    :param mailboxes: the numbers of the Mailboxes of the account that is copied to.
    :param originals: the Emails that there are of those to be copied.
    :param readings: for each of them its message, read.
    """

    context: Context
    scope: Scope
    mailboxes: set[int]
    counts: Counts
    originals: Mapping[int, Mutable]
    readings: Mapping[int, Wanted]

    @classmethod
    def open(cls, context: Context, source: Scope, scope: Scope, numbers: Sequence[int]) -> EmailCopier:
        """Read what is to be copied.

        :raises NeedsPreparation: where messages have not been read yet.
        """
        database = context.store.database
        originals = emails.mutable(database, numbers)
        readings = {number: wanted_message(context, source, blob_id(email.blob)) for number, email in originals.items()}
        require(context, list(readings.values()))
        rows = mailboxes.all_of(database, scope.number)
        counts = Counts(database, scope.changes, mailboxes.trash_of(rows))
        return cls(context, scope, set(rows), counts, originals, readings)

    def copy(self, number: int, properties: dict[str, Any]) -> dict[str, Any]:
        """Copy an Email; keywords and receivedAt are the original's where they are not given."""
        original = self.originals.get(number)
        if original is None:
            raise SetError("notFound")
        others = sorted(properties.keys() - _PROPERTIES)
        if others:
            raise invalid_properties(
                "These cannot be other ones than the original's.", *(name[:100] for name in others)
            )
        in_mailboxes = mutable.read_mailboxes(self.context, self.mailboxes, properties.get("mailboxIds"))
        keywords = mutable.read_keywords(properties["keywords"]) if "keywords" in properties else original.keywords
        received_at = mutable.read_received_at(properties.get("receivedAt"), original.received_at)
        message = result(self.context, self.readings[number])
        reading = Reading.unpack(message.reading)
        new = NewEmail(message.hash, message.size, reading, in_mailboxes, keywords, received_at)
        return add_email(self.context, self.scope, self.counts, new)

    def finish(self) -> None:
        """Bring the Mailboxes' counts up to date."""
        self.counts.save()
