"""HTTP Basic credentials (RFC 7617), in UTF-8."""

from __future__ import annotations

import base64
import binascii
import unicodedata

import attrs

CHALLENGE = b'Basic realm="jmapd", charset="UTF-8"'


@attrs.frozen
class Credentials:
    """What somebody says of themselves; the password is never shown."""

    name: str
    password: str = attrs.field(repr=False)


def parse_authorization(value: bytes) -> Credentials | None:
    """The credentials of an Authorization field, or ``None`` where it is not as RFC 7617 says."""
    scheme, _, token = value.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        text = base64.b64decode(token.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    name, colon, password = text.partition(":")
    # RFC 7617 has no control characters, and what tells credentials apart relies on there being no NUL
    if not colon or any(unicodedata.category(letter) == "Cc" for letter in text):
        return None
    return Credentials(name, password)
