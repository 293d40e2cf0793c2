"""Header fields as they are asked for (RFC 8621 sections 4.1.2, 4.1.3 and 4.2), of Emails and of what is parsed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.caller import Caller

RAW = (
    "From: Jörg Müller <jörg@exämple.org>\r\nTo: Zoë <zoë@exämple.org>\r\nSubject: Grüße aus Köln\r\n"
    "X-Twice: 1\r\nX-Twice: 2\r\n\r\nhällo\r\n"
).encode()

Read = Callable[..., dict[str, Any]]


@pytest.fixture(params=["Email/get", "Email/parse"])
def method(request: pytest.FixtureRequest) -> str:
    """What header fields are read with."""
    name: str = request.param
    return name


@pytest.fixture
def read(jmap: Caller, method: str) -> Read:
    """Reads properties of a message."""

    def reading(raw: bytes, *properties: str) -> dict[str, Any]:
        if method == "Email/parse":
            blob = jmap.upload(raw)
            parsed: dict[str, Any] = jmap.call(method, blobIds=[blob], properties=properties)["parsed"][blob]
            return parsed
        (email,) = jmap.call(method, ids=[jmap.import_message(raw)], properties=properties)["list"]
        del email["id"]
        found: dict[str, Any] = email
        return found

    return reading


def test_rfc8621_4_8_headers_in_utf_8_are_read(read: Read) -> None:
    assert read(RAW, "from", "to", "subject", "preview") == {
        "from": [{"name": "Jörg Müller", "email": "jörg@exämple.org"}],
        "to": [{"name": "Zoë", "email": "zoë@exämple.org"}],
        "subject": "Grüße aus Köln",
        "preview": "hällo",
    }


def test_rfc8621_4_2_a_field_is_named_as_it_was_asked_for(read: Read) -> None:
    names = ["header:sUbJeCt:asText", "header:X-TWICE:all", "header:x-twice", "header:x-Nothing"]
    assert read(RAW, *names) == dict(zip(names, ["Grüße aus Köln", [" 1", " 2"], " 2", None], strict=True))


def test_rfc8621_4_1_2_1_nul_is_dropped(read: Read) -> None:
    raw = b"Subject: a\0b\r\nFrom: x\0@y\r\n\r\nbody\r\n"
    assert read(raw, "header:Subject", "subject") == {"header:Subject": " ab", "subject": "ab"}


@pytest.mark.parametrize(
    "name",
    [
        *("header:From:asDate", "header:Subject:all:asText", "header:Subject:asText:asRaw", "header:Date:astext"),
        *("header:Subject:all:all", "header:Received:asText"),
    ],
)
def test_rfc8621_4_1_3_forms_and_suffixes_that_cannot_be_are_refused(jmap: Caller, method: str, name: str) -> None:
    arguments: dict[str, list[str]] = {"ids": []} if method == "Email/get" else {"blobIds": []}
    assert jmap.error(method, **arguments, properties=[name])["type"] == "invalidArguments"
    assert jmap.error(method, **arguments, bodyProperties=[name])["type"] == "invalidArguments"
