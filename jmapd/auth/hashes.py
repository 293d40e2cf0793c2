"""Password hashes: ours are argon2's, and those of people who move in are read as Dovecot writes them."""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs
import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from passlib.hash import sha512_crypt

MAX_MEMORY = 1 << 20
"""KiB that one check by argon2 may take."""

MAX_PASSES = 8 << 20
"""KiB that it may go over in all, each pass counted."""

MAX_LANES = 64
MAX_BCRYPT_COST = 15
MAX_ROUNDS = 5_000_000

_BCRYPT_OCTETS = 72
"""Bcrypt sees no more of a password; crypt(3), and so Dovecot, leaves away the rest."""

_SHA512_OCTETS = 512
"""Its time grows with the password's length: no more of it is taken than crypt(3) takes."""

_SCHEME = re.compile(r"\{([A-Za-z0-9.-]{1,40})\}")
_hasher = PasswordHasher()


class UnusableHash(Exception):
    """A hash cannot be used; the message says why."""


@attrs.frozen
class _Kind:
    """One way to hash passwords.

    :param schemes: what Dovecot writes in braces before it.
    :param pattern: of the whole hash.
    :param check: raises `UnusableHash` where it costs too much.
    """

    schemes: frozenset[str]
    start: str
    pattern: re.Pattern[str]
    check: Callable[[re.Match[str]], None]
    verify: Callable[[str, str], bool]


def read(text: str) -> str:
    """A hash as the store keeps it, of one as Dovecot or crypt(3) writes it.

    :raises UnusableHash: where it is malformed, of a kind that is not known, or costs too much to check.
    """
    scheme = _SCHEME.match(text)
    hash = text[scheme.end() :] if scheme else text
    kind = _kind(hash)
    if kind is None or (scheme and scheme[1].upper() not in kind.schemes | {"CRYPT"}):
        raise UnusableHash("The hash must be {ARGON2ID}$argon2id$…, {BLF-CRYPT}$2y$… or {SHA512-CRYPT}$6$….")
    match = kind.pattern.match(hash)
    if match is None:
        raise UnusableHash("The hash is malformed; is it whole, and between single quotes?")
    kind.check(match)
    return hash


def is_argon2(hash: str) -> bool:
    """Whether a hash is of the kind that we make."""
    return hash.startswith("$argon2")


def verify(hash: str, password: str) -> bool:
    """Whether a password is that of a hash; one that cannot be used has none."""
    kind = _kind(hash)
    return kind is not None and kind.verify(hash, password)


def _kind(hash: str) -> _Kind | None:
    return next((kind for kind in _KINDS if hash.startswith(kind.start)), None)


def _check_argon2(match: re.Match[str]) -> None:
    memory, passes, lanes = int(match["memory"]), int(match["passes"]), int(match["lanes"])
    if memory > MAX_MEMORY or memory * passes > MAX_PASSES or not 1 <= lanes <= MAX_LANES:
        raise UnusableHash("The hash takes too much memory or time: at most 1 GiB, and 8 passes over that.")


def _verify_argon2(hash: str, password: str) -> bool:
    try:
        return _hasher.verify(hash, password)
    except (Argon2Error, ValueError):
        return False


def _check_bcrypt(match: re.Match[str]) -> None:
    if not 4 <= int(match["cost"]) <= MAX_BCRYPT_COST:
        raise UnusableHash(f"The hash takes too long: bcrypt's cost is from 4 to {MAX_BCRYPT_COST}.")


def _verify_bcrypt(hash: str, password: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode()[:_BCRYPT_OCTETS], hash.encode())
    except ValueError:
        return False


def _check_sha512(match: re.Match[str]) -> None:
    if match["rounds"] and not 1000 <= int(match["rounds"]) <= MAX_ROUNDS:
        raise UnusableHash(f"The hash takes too long: from 1000 to {MAX_ROUNDS} rounds.")


def _verify_sha512(hash: str, password: str) -> bool:
    octets = password.encode()
    try:
        return len(octets) <= _SHA512_OCTETS and bool(sha512_crypt.verify(octets, hash))
    except (ValueError, TypeError):
        return False


_KINDS = (
    _Kind(
        frozenset({"ARGON2ID", "ARGON2I"}),
        "$argon2",
        re.compile(
            r"\$argon2(?:id|i)\$v=19\$m=(?P<memory>[1-9]\d{0,9}),t=(?P<passes>[1-9]\d{0,9}),p=(?P<lanes>[1-9]\d{0,3})"
            r"\$[A-Za-z0-9+/]{11,88}\$[A-Za-z0-9+/]{16,88}\Z",
            re.ASCII,
        ),
        _check_argon2,
        _verify_argon2,
    ),
    _Kind(
        frozenset({"BLF-CRYPT"}),
        "$2",
        re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}\Z", re.ASCII),
        _check_bcrypt,
        _verify_bcrypt,
    ),
    _Kind(
        frozenset({"SHA512-CRYPT"}),
        "$6$",
        re.compile(
            r"\$6\$(?:rounds=(?P<rounds>[1-9]\d{0,9})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}\Z",
            re.ASCII,
        ),
        _check_sha512,
        _verify_sha512,
    ),
)
