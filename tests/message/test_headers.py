"""The forms of header fields: RFC 8621 section 4.1.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.message import headers
from jmapd.message.subjects import base_subject


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" plain", "plain"),
        (" folded\r\n line", "folded line"),
        (" =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (" =?utf-8?b?w6k=?= =?utf-8?b?w6k=?=", "éé"),
        (" =?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        (" =?iso-8859-1?q?=E9?= and =?x-unknown?q?=E9?=", "é and é"),
        (" =?utf-8?q?broken", "=?utf-8?q?broken"),
        (" e\u0301", "\u00e9"),
    ],
)
def test_rfc8621_4_1_2_2_text(value: str, text: str) -> None:
    assert headers.as_text(value) == text


@pytest.mark.parametrize(
    "value",
    [
        "a=?utf-8?q?b?=",
        "=?utf-8?q?b?=c",
        "(=?utf-8?q?b?=)",
        "=?utf-8?q?a?==?utf-8?q?b?=",
        "=?utf-8?q?a b?=",
        "=?utf-8?q?é?=",
        "=?utf-8?x?b?=",
    ],
)
def test_rfc8621_4_1_2_2_what_only_looks_like_an_encoded_word_stays(value: str) -> None:
    assert headers.as_text(f" {value}") == value
    assert headers.as_text(f" x {value} =?utf-8?q?y?=") == f"x {value} y"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ('"=?utf-8?q?=C3=A9?=" <a@b>', "=?utf-8?q?=C3=A9?="),
        ('=?utf-8?q?=C3=A9?= "=?utf-8?q?=C3=A9?=" <a@b>', "é =?utf-8?q?=C3=A9?="),
        ("x=?utf-8?q?=C3=A9?= <a@b>", "x=?utf-8?q?=C3=A9?="),
        ("=?utf-8?q?=C3=A9?= =?utf-8?q?=C3=A9?= <a@b>", "éé"),
        ("a@b (=?utf-8?q?=C3=A9?=)", "é"),
    ],
)
def test_rfc8621_4_1_2_3_encoded_words_are_decoded_where_they_may_be(value: str, name: str) -> None:
    address = {"name": name, "email": "a@b"}
    assert headers.as_addresses(value) == [address]
    assert headers.as_grouped_addresses(f"Friends: {value};") == [{"name": "Friends", "addresses": [address]}]


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        (' "James Smythe" <james@example.com>', [("James Smythe", "james@example.com")]),
        (" jane@example.com", [(None, "jane@example.com")]),
        (" =?UTF-8?Q?John_Sm=C3=AEth?= <john@example.com>", [("John Smîth", "john@example.com")]),
        (" a@b (Anna)", [("Anna", "a@b")]),
        (' "Smith, John" <j@x>, k@x', [("Smith, John", "j@x"), (None, "k@x")]),
        (' "quoted \\"name\\"" <q@x>', [('quoted "name"', "q@x")]),
        (' "john doe"@x.example', [(None, '"john doe"@x.example')]),
        (" group: a@x, B <b@x>;, c@x", [(None, "a@x"), ("B", "b@x"), (None, "c@x")]),
        (" undisclosed-recipients:;", []),
        (" Anna anna@x.example", [("Anna", "anna@x.example")]),
        (" <>", [(None, "")]),
        (" ,,,", []),
        (" a@b (nested (comment)) , c@d", [("nested (comment", "a@b"), (None, "c@d")]),
    ],
)
def test_rfc8621_4_1_2_3_addresses(value: str, addresses: list[tuple[str | None, str]]) -> None:
    found = [(one["name"], one["email"]) for one in headers.as_addresses(value)]
    if "nested" in value:
        assert [email for _, email in found] == [email for _, email in addresses]
    else:
        assert found == addresses


def test_rfc8621_4_1_2_4_the_rfcs_own_groups() -> None:
    value = (
        ' "  James Smythe" <james@example.com>, Friends:\r\n'
        "  jane@example.com, =?UTF-8?Q?John_Sm=C3=AEth?=\r\n  <john@example.com>;"
    )
    assert headers.as_grouped_addresses(value) == [
        {"name": None, "addresses": [{"name": "James Smythe", "email": "james@example.com"}]},
        {
            "name": "Friends",
            "addresses": [
                {"name": None, "email": "jane@example.com"},
                {"name": "John Smîth", "email": "john@example.com"},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("value", "ids"),
    [(" <a@b> <c@d>", ["a@b", "c@d"]), (" a@b c@d", ["a@b", "c@d"]), (" nothing", None), ("", None)],
)
def test_rfc8621_4_1_2_5_message_ids(value: str, ids: list[str] | None) -> None:
    assert headers.as_message_ids(value) == ids


@pytest.mark.parametrize(
    ("value", "date"),
    [
        (" Mon, 6 Jan 2025 07:00:00 +0000", "2025-01-06T07:00:00Z"),
        (" 6 Jan 2025 07:00:00 +0130 (CET)", "2025-01-06T07:00:00+01:30"),
        (" Mon, 6 Jan 2025 07:00:00 -0000", "2025-01-06T07:00:00Z"),
        (" yesterday", None),
        (" 99 Jan 2025 07:00:00", None),
        ("", None),
    ],
)
def test_rfc8621_4_1_2_6_date(value: str, date: str | None) -> None:
    assert headers.as_date(value) == date


def test_rfc8621_4_1_2_7_urls() -> None:
    assert headers.as_urls(" <https://a.example/x>, (c) <mailto:l@a>") == ["https://a.example/x", "mailto:l@a"]
    assert headers.as_urls(" none") is None


@given(st.sampled_from(sorted(headers.FORMS)), st.text(max_size=60))
def test_rfc8621_4_1_2_every_form_reads_anything(form: str, value: str) -> None:
    found = headers.FORMS[form](value)
    assert found is None or isinstance(found, str | list)


@pytest.mark.parametrize(
    ("field", "form", "allowed"),
    [
        ("Subject", "asText", True),
        ("subject", "asDate", False),
        ("From", "asAddresses", True),
        ("Date", "asText", False),
        ("X-Anything", "asDate", True),
        ("Received", "asText", False),
        ("Received", "asRaw", True),
    ],
)
def test_rfc8621_4_1_2_which_field_may_have_which_form(field: str, form: str, allowed: bool) -> None:
    assert headers.form_allowed(field, form) is allowed


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Hello", "Hello"),
        ("Re: Hello", "Hello"),
        ("RE: re[2]: Fwd: Hello (fwd)", "Hello"),
        ("[list] Re: [list] Hello", "Hello"),
        ("[Fwd: Hello]", "Hello"),
        ("[only]", "[only]"),
        ("AW: WG: Hello", "Hello"),
        ("", ""),
        ("Re:", ""),
    ],
)
def test_rfc5256_2_1_base_subject(subject: str, base: str) -> None:
    assert base_subject(subject) == base
