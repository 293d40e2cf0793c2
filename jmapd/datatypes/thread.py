"""Thread (RFC 8621 section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.datatype import DataType
from jmapd.protocol import ids
from jmapd.protocol.capabilities import MAIL
from jmapd.store import threads
from jmapd.store.emails import email_id
from jmapd.store.threads import thread_id


@attrs.frozen
class ThreadGetter:
    """Thread/get for one account."""

    context: Context
    scope: Scope
    properties: Sequence[str]

    @classmethod
    def open(cls, context: Context, scope: Scope, properties: Sequence[str], _: Arguments) -> ThreadGetter:
        """Nothing is read yet."""
        return cls(context, scope, properties)

    def all(self) -> list[int]:
        """The numbers of all Threads."""
        return threads.all_numbers(self.context.store.database, self.scope.number)

    def fetch(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Those that there are, with their Emails from the oldest on."""
        found = threads.in_threads(self.context.store.database, self.scope.number, numbers)
        for number, emails in found.items():
            thread: dict[str, Any] = {"id": thread_id(number)}
            if "emailIds" in self.properties:
                thread["emailIds"] = [email_id(email) for email in emails]
            yield number, thread


THREAD = DataType(
    name="Thread",
    capability=MAIL,
    properties=("id", "emailIds"),
    id_of=thread_id,
    number_of=lambda account, id: ids.number(threads.ID_PREFIX, id),
    getter=ThreadGetter.open,
)
