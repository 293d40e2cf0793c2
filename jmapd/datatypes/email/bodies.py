"""What of an Email's body /get shows: parts, body values, header fields (RFC 8621 sections 4.1.2 to 4.1.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import orjson

from jmapd.datatypes.email import properties
from jmapd.message.body import body_value
from jmapd.message.charsets import to_text
from jmapd.message.html import html_to_text
from jmapd.message.prepare import MAX_SEARCH
from jmapd.message.transfer import decode, is_known
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context
from jmapd.protocol.errors import invalid_arguments
from jmapd.store.blobs import Piece


@attrs.frozen
class BodyOptions:
    """Email/get's arguments about bodies.

    :param part_properties: ``bodyProperties``; ``None`` where they are the default ones.
    :param max_octets: ``maxBodyValueBytes``; 0 is no bound.
    """

    part_properties: tuple[str, ...] | None
    fetch_text: bool
    fetch_html: bool
    fetch_all: bool
    max_octets: int

    @classmethod
    def read(cls, arguments: Arguments) -> BodyOptions:
        """Read them.

        :raises MethodError: ``invalidArguments``.
        """
        names = arguments.names("bodyProperties")
        for name in names or ():
            if name not in properties.BODY_PROPERTIES and not properties.is_header_property(name):
                raise invalid_arguments(f"{name[:100]!r} is no property of EmailBodyPart.")
        return cls(
            None if names is None or tuple(names) == properties.DEFAULT_BODY else tuple(names),
            arguments.boolean("fetchTextBodyValues"),
            arguments.boolean("fetchHTMLBodyValues"),
            arguments.boolean("fetchAllBodyValues"),
            arguments.unsigned("maxBodyValueBytes") or 0,
        )


DEFAULT_OPTIONS = BodyOptions(None, False, False, False, 0)
"""Those of a call that says nothing of bodies."""


@attrs.define(eq=False)
class Body:
    """One Email's body.

    :param lines: as they are kept: those of `properties.BODY`, then the part tree.
    """

    context: Context
    lines: list[bytes]
    options: BodyOptions
    _tree: dict[str, Any] | None = None
    _headers: list[dict[str, str]] | None = None

    def member(self, name: str) -> bytes:
        """A property as JSON text: its name and value."""
        at = properties.BODY.index(name) if name in properties.BODY else None
        if at is not None and (self.options.part_properties is None or name == "headers"):
            return self.lines[at]
        return orjson.dumps({name: self._value(name)})[1:-1]

    def _value(self, name: str) -> Any:
        if name == "bodyStructure":
            return self._shown(self.tree["structure"], structure=True)
        if name == "bodyValues":
            return {part["partId"]: self._body_value(part) for part in self._wanted()}
        if name in properties.BODY:
            leaves = {part["partId"]: part for part in self._leaves(self.tree["structure"])}
            return [self._shown(leaves[part_id]) for part_id in self.tree[name]]
        return properties.header_value(self.headers, name)

    @property
    def tree(self) -> dict[str, Any]:
        """The part tree, with the ids of the parts in each list."""
        if self._tree is None:
            self._tree = orjson.loads(self.lines[len(properties.BODY)])
        return self._tree

    @property
    def headers(self) -> list[dict[str, str]]:
        """The message's own header fields."""
        if self._headers is None:
            self._headers = orjson.loads(b"{" + self.lines[properties.BODY.index("headers")] + b"}")["headers"]
        return self._headers

    def _leaves(self, part: dict[str, Any]) -> Iterator[dict[str, Any]]:
        waiting = [part]
        while waiting:
            one = waiting.pop()
            if one["partId"] is not None:
                yield one
            waiting.extend(reversed(one.get("subParts") or ()))

    def _shown(self, part: dict[str, Any], *, structure: bool = False) -> dict[str, Any]:
        """A part with the properties wanted; within ``bodyStructure`` a multipart shows its parts unasked."""
        names = self.options.part_properties or properties.DEFAULT_BODY
        shown = {name: self._part_value(part, name) for name in names if name != "subParts"}
        if part["partId"] is None and (structure or "subParts" in names):
            shown["subParts"] = [self._shown(one, structure=True) for one in part["subParts"]]
        elif "subParts" in names:
            shown["subParts"] = None
        return shown

    def _part_value(self, part: dict[str, Any], name: str) -> Any:
        if name != "headers" and not name.startswith("header:"):
            return part.get(name)
        # the outermost part's fields are the message's, and kept once
        headers = part.get("headers")
        headers = self.headers if headers is None else headers
        return headers if name == "headers" else properties.header_value(headers, name)

    def _wanted(self) -> Iterator[dict[str, Any]]:
        """The parts whose values are asked for."""
        options = self.options
        if not (options.fetch_text or options.fetch_html or options.fetch_all):
            return
        tree = self.tree
        wanted: set[str] = set()
        if options.fetch_text:
            wanted.update(tree["textBody"])
        if options.fetch_html:
            wanted.update(tree["htmlBody"])
        for part in self._leaves(tree["structure"]):
            if part["type"].startswith("text/") and (options.fetch_all or part["partId"] in wanted):
                yield part

    def texts(self, most: int) -> Iterator[str]:
        """The text of each part that is shown, HTML by its text, as much of them as is searched.

        :param most: characters of each that are wanted, about.
        """
        shown, room = set(self.tree["textBody"]), MAX_SEARCH
        for part in self._leaves(self.tree["structure"]):
            if room <= 0 or part["partId"] not in shown or not part["type"].startswith("text/"):
                continue
            piece = Piece.of_id(part["blobId"])
            assert piece is not None
            # an encoded character takes six octets at the most, as in =C3=A9
            length = min(piece.length or 0, 6 * most)
            encoded = self.context.store.blobs.read(self.context.store.database, piece.hash, piece.offset, length)
            text, _ = to_text(decode(encoded or b"", piece.encoding), part["charset"])
            text = text[:room]
            room -= len(text)
            yield html_to_text(text) if part["type"] == "text/html" else text

    def _body_value(self, part: dict[str, Any]) -> dict[str, Any]:
        piece = Piece.of_id(part["blobId"])
        assert piece is not None
        store = self.context.store
        encoded = store.blobs.read(store.database, piece.hash, piece.offset, piece.length) or b""
        value: dict[str, Any] = body_value(
            encoded, piece.encoding, part["charset"], part["type"], self.options.max_octets
        )
        if not is_known(self._part_value(part, "header:Content-Transfer-Encoding")):
            value["isEncodingProblem"] = True
        self.context.spend(len(value["value"]))
        return value
