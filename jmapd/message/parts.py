"""The parts of a message (RFC 8621 section 4.1.4), and where in it their bytes are."""

from __future__ import annotations

from collections.abc import Iterator

import attrs


class NotParsable(ValueError):
    """The bytes are no message at all."""


@attrs.frozen
class Header:
    """A header field.

    :param value: in the Raw form (section 4.1.2.1), folded as it came.
    """

    name: str
    value: str


@attrs.frozen
class Part:
    """One EmailBodyPart.

    :param part_id: names a leaf within its message; ``None`` for a multipart.
    :param offset: where the encoded body starts in the message, in octets.
    :param length: its encoded octets.
    :param encoding: ``identity``, ``quoted-printable`` or ``base64``.
    :param size: its decoded octets.
    """

    part_id: str | None
    offset: int
    length: int
    encoding: str
    size: int
    headers: tuple[Header, ...]
    type: str
    charset: str | None
    name: str | None
    disposition: str | None
    cid: str | None
    language: tuple[str, ...] | None
    location: str | None
    sub_parts: tuple[Part, ...] = ()

    def leaves(self) -> Iterator[Part]:
        """The parts that have a body of their own, in order."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            if part.part_id is not None:
                yield part
            waiting.extend(reversed(part.sub_parts))

    def field(self, name: str) -> str | None:
        """The Raw value of the last header field of a name, which is given in lower case."""
        return next((one.value for one in reversed(self.headers) if one.name.lower() == name), None)
