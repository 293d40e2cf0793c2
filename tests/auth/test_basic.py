"""HTTP Basic's credentials."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.auth.basic import Credentials, parse_authorization

printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


@given(printable.filter(lambda name: ":" not in name), printable)
def test_rfc7617_2_name_and_password_in_utf8(name: str, password: str) -> None:
    token = b64encode(f"{name}:{password}".encode())
    for scheme in (b"Basic", b"basic", b"BASIC"):
        assert parse_authorization(scheme + b" " + token) == Credentials(name, password)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Basic",
        b"Basic ",
        b"Bearer " + b64encode(b"a:b"),
        b"Basic " + b64encode(b"no colon"),
        b"Basic " + b64encode(b"\xff:b"),
        b"Basic " + b64encode(b"a\x00:b"),
        b"Basic " + b64encode(b"a:b\n"),
        b"Basic !" + b64encode(b"a:b"),
    ],
)
def test_what_is_not_basic_is_nobody(value: bytes) -> None:
    assert parse_authorization(value) is None


@given(st.binary())
def test_nothing_makes_it_fail(value: bytes) -> None:
    parse_authorization(value)
    parse_authorization(b"Basic " + value)
    parse_authorization(b"Basic " + b64encode(value))


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Credentials("anna", "secret"))
