"""Email/parse: messages shown that are not in the mail store as Emails (RFC 8621 section 4.9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import orjson

from jmapd.datatypes.email import get, properties
from jmapd.datatypes.email.bodies import Body, BodyOptions
from jmapd.datatypes.email.prepare import Sight, parsed, wanted_parse
from jmapd.datatypes.email.reading import Reading
from jmapd.datatypes.email.set import require, result
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, PreparedMessage, Scope
from jmapd.methods.get import read_properties
from jmapd.methods.registry import Method
from jmapd.protocol.capabilities import MAIL
from jmapd.protocol.errors import MethodError, SetError, invalid_arguments

_STORED = frozenset({"id", "threadId", "receivedAt", *properties.MUTABLE})
"""What only an Email in the store has."""

DEFAULT = tuple(name for name in properties.DEFAULT if name not in {*_STORED, "blobId", "size"})
"""What is given unasked."""


@attrs.frozen
class _Parser:
    """Email/parse for one account."""

    context: Context
    scope: Scope
    names: list[str]
    options: BodyOptions

    def email(self, message: PreparedMessage) -> orjson.Fragment:
        """The Email object of a message."""
        reading = Reading.unpack(message.reading)
        metadata = dict(zip(properties.METADATA[3:], reading.metadata.encode().split(b"\n"), strict=True))
        body = Body(self.context, reading.body.encode().split(b"\n"), self.options)
        members = (self._member(name, metadata, body) for name in self.names)
        email = b"{" + b",".join(members) + b"}"
        self.context.spend(len(email))
        return orjson.Fragment(email)

    def _member(self, name: str, metadata: dict[str, bytes], body: Body) -> bytes:
        if name in _STORED:
            return b'"%s":null' % name.encode()
        return metadata.get(name) or body.member(name)

    def messages(self, blob_ids: list[str]) -> Iterator[tuple[str, PreparedMessage | SetError]]:
        """Each blob, read; within the writer's transaction by others, who have done so before.

        :raises NeedsPreparation: where they have not.
        """
        if self.context.writing:
            wanted = [wanted_parse(self.context, self.scope, self._referred(one)) for one in blob_ids]
            require(self.context, wanted)
        for one in blob_ids:
            try:
                yield one, self._read(self._referred(one))
            except SetError as error:
                yield one, error

    def _read(self, blob_id: str) -> PreparedMessage:
        if self.context.writing:
            return result(self.context, wanted_parse(self.context, self.scope, blob_id))
        return parsed(Sight(self.context.store, self.scope.number, self.context.user), blob_id)

    def _referred(self, blob_id: str) -> str:
        return self.context.referred(blob_id) or blob_id


def run(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Email/parse."""
    arguments.refuse_others(("accountId", "blobIds", "properties", *get.ARGUMENTS))
    scope = context.scope(arguments)
    blob_ids = arguments.ids("blobIds")
    if blob_ids is None:
        raise invalid_arguments("blobIds must be an array of Ids.")
    if len(blob_ids) > context.limits.max_objects_in_get:
        raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_get} messages at once.")
    names = read_properties(arguments, DEFAULT, properties.is_property)
    parser = _Parser(context, scope, names, BodyOptions.read(arguments))
    found: dict[str, Any] = {}
    not_parsable: list[str] = []
    not_found: list[str] = []
    for blob_id, message in parser.messages(blob_ids):
        if isinstance(message, PreparedMessage):
            found[blob_id] = parser.email(message)
        else:
            (not_found if message.type == "blobNotFound" else not_parsable).append(blob_id)
    return {
        "accountId": scope.access.id,
        "parsed": found or None,
        "notParsable": not_parsable or None,
        "notFound": not_found or None,
    }


METHOD = Method("Email/parse", MAIL, writes=False, run=run)
