"""Email/get (RFC 8621 section 4.2): lines of ready JSON put together, and only what else is asked made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

import attrs
import orjson

from jmapd.datatypes.email import properties
from jmapd.datatypes.email.bodies import Body, BodyOptions
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.store import emails

ARGUMENTS = ("bodyProperties", "fetchTextBodyValues", "fetchHTMLBodyValues", "fetchAllBodyValues", "maxBodyValueBytes")

Pick = Callable[[list[bytes]], Sequence[bytes]]


@attrs.frozen
class EmailGetter:
    """Email/get for one account.

    :param pick: takes the wanted lines out of those of ``metadata``.
    :param of_body: the properties that the body's row must be read for.
    """

    context: Context
    scope: Scope
    pick: Pick
    keywords: bool
    mailboxes: bool
    of_body: tuple[str, ...]
    options: BodyOptions

    @classmethod
    def open(cls, context: Context, scope: Scope, names: Sequence[str], arguments: Arguments) -> EmailGetter:
        """Work out what has to be read."""
        known = (*properties.METADATA, *properties.MUTABLE)
        return cls(
            context,
            scope,
            _picker([at for at, name in enumerate(properties.METADATA) if name in names]),
            "keywords" in names,
            "mailboxIds" in names,
            tuple(name for name in names if name not in known),
            BodyOptions.read(arguments),
        )

    def all(self) -> list[int]:
        """The numbers of all Emails."""
        return emails.all_numbers(self.context.store.database, self.scope.number)

    def fetch(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Those that there are, each as a fragment of ready JSON."""
        database = self.context.store.database
        bodies = emails.bodies(database, numbers) if self.of_body else {}
        for number, keywords, mailboxes, metadata in emails.metadata(database, numbers):
            members = list(self.pick(metadata.split(b"\n")))
            if self.keywords:
                members.append(b'"keywords":' + keywords)
            if self.mailboxes:
                members.append(b'"mailboxIds":' + mailboxes)
            if self.of_body:
                body = Body(self.context, bodies[number].split(b"\n"), self.options)
                members.extend(body.member(name) for name in self.of_body)
            email = b"{" + b",".join(members) + b"}"
            self.context.spend(len(email))
            yield number, orjson.Fragment(email)


def _picker(places: list[int]) -> Pick:
    if len(places) == 1:
        (place,) = places
        return lambda lines: (lines[place],)
    return itemgetter(*places)
