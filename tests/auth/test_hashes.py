"""Hashes as Dovecot and crypt(3) write them: which are taken, which are not, and what they open."""

from __future__ import annotations

from contextlib import suppress

import bcrypt
import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from jmapd.auth import hashes
from jmapd.auth.hashes import UnusableHash

ARGON2 = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("secret", salt=b"sixteen octets..")
BCRYPT = bcrypt.hashpw(b"secret", b"$2b$04$W32RWpRoczwiWsp0AaGJPu").decode().replace("$2b$", "$2y$")
# crypt(3)'s
SHA512 = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
SHA512_ROUNDS = (
    "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3"
    "Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (ARGON2, ARGON2),
        (f"{{ARGON2ID}}{ARGON2}", ARGON2),
        (f"{{argon2id}}{ARGON2}", ARGON2),
        (BCRYPT, BCRYPT),
        (f"{{BLF-CRYPT}}{BCRYPT}", BCRYPT),
        (f"{{CRYPT}}{BCRYPT}", BCRYPT),
        (SHA512, SHA512),
        (f"{{SHA512-CRYPT}}{SHA512}", SHA512),
        (f"{{SHA512-CRYPT}}{SHA512_ROUNDS}", SHA512_ROUNDS),
    ],
)
def test_hashes_with_and_without_their_scheme(text: str, kept: str) -> None:
    assert hashes.read(text) == kept


def test_they_open_to_their_password_alone() -> None:
    for hash, password in (
        (ARGON2, "secret"),
        (BCRYPT, "secret"),
        (SHA512, "Hello world!"),
        (SHA512_ROUNDS, "Hello world!"),
    ):
        assert hashes.verify(hash, password)
        assert not hashes.verify(hash, password + "x")
        assert not hashes.verify(hash, "")


def argon2(memory: int = 65536, passes: int = 3, lanes: int = 4) -> str:
    return f"$argon2id$v=19$m={memory},t={passes},p={lanes}$c29tZXNhbHQ$c29tZWhhc2hzb21laGFzaA"


@pytest.mark.parametrize("text", [argon2(1 << 20, 8), argon2(64, 3), argon2(lanes=64)])
def test_costs_that_are_borne(text: str) -> None:
    assert hashes.read(text) == text


@pytest.mark.parametrize(
    "text",
    [
        argon2((1 << 20) + 1),
        argon2(1 << 20, 9),
        argon2(1, 10**9),
        argon2(lanes=65),
        "$2y$16$" + "a" * 53,
        "$2y$03$" + "a" * 53,
        "$6$rounds=5000001$salt$" + "a" * 86,
        "$6$rounds=999$salt$" + "a" * 86,
    ],
)
def test_unreasonable_costs_are_refused(text: str) -> None:
    with pytest.raises(UnusableHash, match="takes too"):
        hashes.read(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "{PLAIN}secret",
        "{ARGON2ID}" + BCRYPT,
        "{SHA512-CRYPT.B64}" + SHA512,
        "{BLF-CRYPT}" + BCRYPT[:-1],
        ARGON2 + "\n",
        "$argon2id",
        "$argon2d$v=19$m=64,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2hzb21laGFzaA",
        "$6$" + "a" * 17 + "$" + "a" * 86,
        "$6$salt$short",
        "$2y$١٢$" + "a" * 53,
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
    ],
)
def test_what_is_malformed_or_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(UnusableHash):
        hashes.read(text)


@given(st.text(max_size=100))
def test_nothing_makes_it_fail(text: str) -> None:
    for start in ("", "$argon2id$", "$2y$", "$6$", "{CRYPT}"):
        with suppress(UnusableHash):
            hashes.read(start + text)
        hashes.verify(start + text, "x")


def test_bcrypt_sees_72_octets_as_crypt_does() -> None:
    hash = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert hashes.verify(hash, "x" * 72 + "whatever")
    assert not hashes.verify(hash, "x" * 71)


def test_a_long_password_costs_nothing_by_sha512() -> None:
    assert not hashes.verify(SHA512, "x" * 513)
