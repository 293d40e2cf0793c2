"""What clients say of themselves: HTTP Basic (RFC 7617) in UTF-8, Bearer tokens (RFC 6750), and tickets."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata

import attrs

CHALLENGE = b'Basic realm="jmapd", charset="UTF-8", Bearer realm="jmapd"'
"""For somebody who has said nothing, or a wrong name or password."""

INVALID_TOKEN = b'Bearer realm="jmapd", error="invalid_token"'
"""For a Bearer token that is not good, or no more (RFC 6750 section 3.1)."""

INSUFFICIENT_SCOPE = b'Bearer realm="jmapd", error="insufficient_scope"'
"""For a token that is good, but not for this (RFC 6750 section 3.1)."""

_B64TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*\Z")


@attrs.frozen
class Basic:
    """A name and a password; a token may stand in the password's place."""

    name: str
    password: str = attrs.field(repr=False)


@attrs.frozen
class Bearer:
    """A token."""

    token: str = attrs.field(repr=False)


@attrs.frozen
class Ticket:
    """A ticket that `jmapd.auth.tickets` has made."""

    value: str = attrs.field(repr=False)


Claim = Basic | Bearer | Ticket


def parse_authorization(value: bytes) -> Claim | None:
    """The claim of an Authorization field, or ``None`` where it is not as RFC 7617 or RFC 6750 section 2.1 say."""
    scheme, _, rest = value.strip().partition(b" ")
    if scheme.lower() == b"basic":
        return _basic(rest.strip())
    if scheme.lower() == b"bearer" and _B64TOKEN.match(rest.strip()):
        return Bearer(rest.strip().decode("ascii"))
    return None


def _basic(encoded: bytes) -> Basic | None:
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    name, colon, password = text.partition(":")
    # RFC 7617 has no control characters, and what tells claims apart relies on there being no NUL
    if not colon or any(unicodedata.category(letter) == "Cc" for letter in text):
        return None
    return Basic(name, password)
