"""The text of a token: how it is made, known as one, and stored."""

from __future__ import annotations

import hashlib
import re
import secrets

_PREFIX = "jmapd_"
_OCTETS = 32
_TOKEN = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{43}}\Z")


def make() -> str:
    """A new token, which is shown to nobody but its owner."""
    return _PREFIX + secrets.token_urlsafe(_OCTETS)


def is_token(text: str) -> bool:
    """Whether a text is meant as a token; no password may look like one."""
    return _TOKEN.match(text) is not None


def hashed(token: str) -> str:
    """What the store keeps of a token, in hex.

    A slow hash with a salt is for what people choose. Of 256 random bits nothing can be guessed, so that SHA-256 keeps
    them as safe; the store finds it by an index, and a client can be checked at each request. That the time an index
    takes may tell how hashes begin is of no use to somebody who cannot choose a token by its hash.
    """
    return hashlib.sha256(token.encode()).hexdigest()
