"""What a worker answers, before it becomes a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from jmapd.methods.context import PreparedMessage, Wanted
from jmapd.protocol.errors import RequestError, SetError
from jmapd.protocol.statechange import Modseqs
from jmapd.protocol.subprotocol import Binding, render_error


class OperationRefused(Exception):
    """An operation cannot be done.

    :param kind: one word for the caller's program.
    :param detail: one sentence for the caller.
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail


@attrs.frozen
class Answer:
    """What came of one operation.

    :param arguments: of the frame.
    :param changed: for each account id the types changed, with their new modseqs.
    :param read: the same for the types whose state was read.
    :param credentials: which changed or are gone: of whom, and which one; ``None`` for all of theirs.
    :param accesses: the users who may see other accounts now, or may do other things there.
    :param push_subscriptions: the users whose PushSubscriptions are others now.
    """

    arguments: dict[str, Any]
    body: bytes = b""
    changed: Modseqs = attrs.field(factory=dict)
    read: Modseqs = attrs.field(factory=dict)
    credentials: tuple[tuple[int, str | None], ...] = ()
    accesses: tuple[int, ...] = ()
    push_subscriptions: tuple[int, ...] = ()

    def to_arguments(self) -> dict[str, Any]:
        """The arguments of the frame, with what only some answers have."""
        arguments = dict(self.arguments)
        if self.changed:
            arguments["changed"] = self.changed
        if self.read:
            arguments["read"] = self.read
        if self.credentials:
            arguments["credentials"] = self.credentials
        if self.accesses:
            arguments["accesses"] = self.accesses
        if self.push_subscriptions:
            arguments["push_subscriptions"] = self.push_subscriptions
        return arguments


REDIRECT = Answer({"redirect": True})
"""A reader gives a Request back for the writer."""


def refused(error: OperationRefused) -> Answer:
    """An operation was refused."""
    return Answer({"refused": error.kind, "detail": error.detail})


def request_error(error: RequestError, binding: Binding, id: str | None = None) -> Answer:
    """A Request gets a RequestError."""
    return Answer({"status": error.status}, render_error(error, binding, id))


def needs(wanted: list[Wanted]) -> Answer:
    """A Request is to be run again when this is prepared."""
    return Answer({"wanted": [{"key": one.key, "arguments": one.arguments} for one in wanted]})


def prepared(message: PreparedMessage) -> Answer:
    """A message has been prepared."""
    data = message.data or b""
    arguments = {
        "hash": message.hash.hex(),
        "size": message.size,
        "data": None if message.data is None else len(data),
    }
    return Answer(arguments, data + message.reading)


def not_prepared(error: SetError) -> Answer:
    """A message could not be prepared."""
    return Answer({"error": error.to_json()})


def read_prepared(arguments: Mapping[str, Any], body: bytes) -> PreparedMessage | SetError:
    """What `prepared` or `not_prepared` said."""
    if "error" in arguments:
        error = dict(arguments["error"])
        return SetError(error.pop("type"), error.pop("description", None), **error)
    split = arguments["data"]
    data = None if split is None else body[:split]
    return PreparedMessage(bytes.fromhex(arguments["hash"]), arguments["size"], data, body[split or 0 :])


def split_prepared(arguments: Mapping[str, Any], body: bytes) -> tuple[bytes, dict[str, PreparedMessage | SetError]]:
    """An operation's own body, and what was prepared for it, by key, which follows in the same one."""
    pieces = arguments.get("prepared")
    if not pieces:
        return body, {}
    at: int = arguments["length"]
    own = body[:at]
    prepared = {}
    for piece in pieces:
        prepared[piece["key"]] = read_prepared(piece["answer"], body[at : at + piece["length"]])
        at += piece["length"]
    return own, prepared


def join_prepared(
    arguments: Mapping[str, Any], body: bytes, prepared: Sequence[tuple[dict[str, Any], bytes]]
) -> tuple[dict[str, Any], bytes]:
    """Arguments and body of an operation, with what was prepared for it.

    :param body: its own.
    :param prepared: key and answer of each piece, as `prepared_piece` makes them.
    """
    pieces = [piece for piece, _ in prepared]
    return {**arguments, "length": len(body), "prepared": pieces}, b"".join((body, *(more for _, more in prepared)))


def prepared_piece(key: str, arguments: Mapping[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """What "prepare" answered, for `join_prepared`."""
    return {"key": key, "answer": arguments, "length": len(body)}, body
