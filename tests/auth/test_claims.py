"""What an Authorization field says: HTTP Basic and Bearer."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.auth.claims import Basic, Bearer, Ticket, parse_authorization

printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


@given(printable.filter(lambda name: ":" not in name), printable)
def test_rfc7617_2_name_and_password_in_utf8(name: str, password: str) -> None:
    token = b64encode(f"{name}:{password}".encode())
    for scheme in (b"Basic", b"basic", b"BASIC"):
        assert parse_authorization(scheme + b" " + token) == Basic(name, password)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Basic",
        b"Basic ",
        b"Digest " + b64encode(b"a:b"),
        b"Basic " + b64encode(b"no colon"),
        b"Basic " + b64encode(b"\xff:b"),
        b"Basic " + b64encode(b"a\x00:b"),
        b"Basic " + b64encode(b"a:b\n"),
        b"Basic !" + b64encode(b"a:b"),
    ],
)
def test_what_is_neither_basic_nor_bearer_is_nobody(value: bytes) -> None:
    assert parse_authorization(value) is None


@given(st.binary())
def test_nothing_makes_it_fail(value: bytes) -> None:
    parse_authorization(value)
    parse_authorization(b"Basic " + value)
    parse_authorization(b"Basic " + b64encode(value))


@given(st.from_regex(r"[A-Za-z0-9._~+/-]{1,100}={0,3}", fullmatch=True))
def test_rfc6750_2_1_a_bearer_token(token: str) -> None:
    for scheme in (b"Bearer", b"bearer", b"BEARER"):
        assert parse_authorization(scheme + b" " + token.encode()) == Bearer(token)


@pytest.mark.parametrize("token", [b"", b"=", b"a b", b"a\x00", "ä".encode(), b'"a"', b"a=b", b"a,b"])
def test_rfc6750_2_1_what_is_no_b64token_is_nobody(token: bytes) -> None:
    assert parse_authorization(b"Bearer " + token) is None


def test_secrets_are_not_shown() -> None:
    for claim in (Basic("anna", "secret"), Bearer("secret"), Ticket("secret")):
        assert "secret" not in repr(claim)
