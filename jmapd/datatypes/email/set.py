"""Email/set: drafts and other new Emails, flags, moves and destruction (RFC 8621 section 4.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from jmapd.datatypes.email import mutable
from jmapd.datatypes.email.add import NewEmail, add_email
from jmapd.datatypes.email.bodies import DEFAULT_OPTIONS, Body
from jmapd.datatypes.email.destroy import destroy_email
from jmapd.datatypes.email.prepare import wanted_composition
from jmapd.datatypes.email.properties import METADATA
from jmapd.datatypes.email.reading import Reading
from jmapd.message.compose import blob_ids
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, NeedsPreparation, PreparedMessage, Scope, Wanted
from jmapd.protocol import patch
from jmapd.protocol.errors import SetError, invalid_properties
from jmapd.store import emails, mailboxes
from jmapd.store.counts import Counts
from jmapd.store.emails import Mutable
from jmapd.store.threads import Member

_OF_STORE = ("mailboxIds", "keywords", "receivedAt")
_WITH_BLOBS = ("bodyStructure", "textBody", "htmlBody", "attachments")
_SERVER_SET = frozenset({"id", "blobId", "threadId", "size", "hasAttachment", "preview"})


@attrs.define(eq=False)
class EmailSetter:
    """Email/set for one account.

    :param mailboxes: the numbers of the account's Mailboxes.
    :param compositions: for each creation id what was to be composed for it.
    """

    context: Context
    scope: Scope
    mailboxes: set[int]
    counts: Counts
    compositions: Mapping[str, Wanted]
    existing: dict[int, Mutable]

    @classmethod
    def open(cls, context: Context, scope: Scope, arguments: Arguments) -> EmailSetter:
        """Read what the call is about.

        :raises NeedsPreparation: where Emails are to be composed first.
        """
        compositions = {
            creation_id: wanted_composition(context, scope, creation_id, _of_message(context, properties))
            for creation_id, properties in arguments.objects("create").items()
        }
        require(context, list(compositions.values()))
        rows = mailboxes.all_of(context.store.database, scope.number)
        counts = Counts(context.store.database, scope.changes, mailboxes.trash_of(rows))
        touched = [*arguments.objects("update"), *(arguments.ids("destroy") or ())]
        numbers = (emails.email_number(scope.number, context.referred(given) or given) for given in touched)
        existing = emails.mutable(context.store.database, [number for number in numbers if number is not None])
        return cls(context, scope, set(rows), counts, compositions, existing)

    def create(self, creation_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        """Store a composed Email."""
        given_by_server = sorted(properties.keys() & _SERVER_SET)
        if given_by_server:
            raise invalid_properties("The server sets these properties.", *given_by_server)
        in_mailboxes = mutable.read_mailboxes(self.context, self.mailboxes, properties.get("mailboxIds"))
        keywords = mutable.read_keywords(properties.get("keywords"))
        received_at = mutable.read_received_at(properties.get("receivedAt"), self.context.this_second)
        made = result(self.context, self.compositions[creation_id])
        reading = Reading.unpack(made.reading)
        self.context.add_blob(made.hash, made.size, made.data)
        new = NewEmail(made.hash, made.size, reading, in_mailboxes, keywords, received_at)
        said = add_email(self.context, self.scope, self.counts, new)
        # others may have got into another Thread by that, and are gone
        self.existing.clear()
        said |= self._with_other_blobs(properties, reading)
        return said

    def _with_other_blobs(self, properties: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
        """The properties that were given with blobs, for in the Email these have other Ids (RFC 8620 section 6)."""
        names = [name for name in _WITH_BLOBS if blob_ids({name: properties.get(name)})]
        if not names:
            return {}
        body = Body(self.context, reading.body.encode().split(b"\n"), DEFAULT_OPTIONS)
        members = b"{" + b",".join(body.member(name) for name in names) + b"}"
        self.context.spend(len(members))
        told: dict[str, Any] = orjson.loads(members)
        return told

    def update(self, number: int, changes: dict[str, Any]) -> dict[str, Any] | None:
        """Change an Email's keywords and Mailboxes; other properties may be named only as they are."""
        old = self._existing(number)
        current = {
            "keywords": dict.fromkeys(old.keywords, True),
            "mailboxIds": {mailboxes.mailbox_id(mailbox): True for mailbox in old.mailboxes},
        }
        touched = patch.apply(self._resolved(changes), current)
        self._check_unchanged(number, {name: value for name, value in touched.items() if name not in current})
        keywords, in_mailboxes = old.keywords, old.mailboxes
        if "keywords" in touched:
            keywords = mutable.read_keywords(touched["keywords"])
        if "mailboxIds" in touched:
            in_mailboxes = mutable.read_mailboxes(self.context, self.mailboxes, touched["mailboxIds"])
        self._change(old, keywords, in_mailboxes)
        # keywords are the same in any case, and kept in lower case
        as_given = touched.get("keywords") is None or keywords == touched["keywords"].keys()
        lowered = any(path.startswith("keywords/") and path != path.lower() for path in changes)
        return None if as_given and not lowered else {"keywords": dict.fromkeys(sorted(keywords), True)}

    def destroy(self, number: int) -> None:
        """Remove an Email."""
        destroy_email(self.context.store.database, self.scope, self.counts, self._existing(number))
        del self.existing[number]

    def finish(self) -> None:
        """Bring the Mailboxes' counts up to date."""
        self.counts.save()

    def _existing(self, number: int) -> Mutable:
        old = self.existing.get(number)
        if old is None:
            # an Email made in this very call can be named by its creation id
            found = emails.mutable(self.context.store.database, [number])
            if number not in found:
                raise SetError("notFound")
            old = self.existing[number] = found[number]
        return old

    def _resolved(self, changes: dict[str, Any]) -> dict[str, Any]:
        """The patch with Mailboxes named by their Ids; keywords are the same in any case."""
        resolved = {}
        for path, value in changes.items():
            first, slash, rest = path.partition("/")
            if slash and first == "mailboxIds":
                resolved[f"{first}/{self.context.referred(rest) or rest}"] = value
            else:
                resolved[path.lower() if slash and first == "keywords" else path] = value
        return resolved

    def _check_unchanged(self, number: int, touched: dict[str, Any]) -> None:
        if not touched:
            return
        for _, _, _, metadata in emails.metadata(self.context.store.database, [number]):
            known = orjson.loads(b"{" + metadata.replace(b"\n", b",") + b"}")
            wrong = sorted(name for name, value in touched.items() if name not in METADATA or known[name] != value)
            if wrong:
                raise invalid_properties("These properties of an Email cannot be changed.", *wrong)

    def _change(self, old: Mutable, keywords: frozenset[str], in_mailboxes: frozenset[int]) -> None:
        database, account = self.context.store.database, self.scope.number
        if keywords == old.keywords and in_mailboxes == old.mailboxes:
            return
        unread = emails.is_unread(keywords)
        if unread != old.unread or in_mailboxes != old.mailboxes:
            self.counts.members(old.thread)[old.id] = Member(unread, in_mailboxes)
        if keywords != old.keywords:
            emails.set_keywords(database, account, old, keywords)
        if in_mailboxes != old.mailboxes:
            emails.set_mailboxes(database, account, old, in_mailboxes)
        self.scope.changes.updated("Email", old.id)
        self.existing[old.id] = attrs.evolve(old, keywords=keywords, mailboxes=in_mailboxes, unread=unread)


def _of_message(context: Context, properties: Mapping[str, Any]) -> dict[str, Any]:
    """What of an Email's properties is its message's, with blobs named by their Ids."""
    own = {name: value for name, value in properties.items() if name not in _OF_STORE and name not in _SERVER_SET}
    return _with_blobs(context, own) if context.created_ids else own


def _with_blobs(context: Context, value: Any) -> Any:
    if isinstance(value, list):
        return [_with_blobs(context, one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: context.referred(one) or one if name == "blobId" and isinstance(one, str) else _with_blobs(context, one)
        for name, one in value.items()
    }


def require(context: Context, wanted: list[Wanted]) -> None:
    """Go on only if all of this has been prepared.

    :raises NeedsPreparation: naming all that has not.
    """
    missing = [one for one in wanted if one.key not in context.prepared]
    if missing:
        raise NeedsPreparation(missing)


def result(context: Context, wanted: Wanted) -> PreparedMessage:
    """What was prepared.

    :raises SetError: where it could not be.
    """
    made = context.prepared[wanted.key]
    if isinstance(made, SetError):
        raise made
    return made
