"""Ids, dates and states (RFC 8620 sections 1.2, 1.4, 1.6.3; RFC 8887 section 4.3.5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.protocol import dates, ids, statechange


@given(st.integers(0, 2**63 - 1))
def test_rfc8620_1_2_a_numbered_id_is_an_id_and_leads_back(number: int) -> None:
    id = ids.numbered("e", number)
    assert ids.is_id(id)
    assert ids.number("e", id) == number
    assert ids.number("m", id) is None


@given(st.text(max_size=20))
def test_rfc8620_1_2_no_other_id_leads_to_the_same_number(text: str) -> None:
    number = ids.number("e", text)
    assert number is None or ids.numbered("e", number) == text


@pytest.mark.parametrize("value", ["", "a" * 256, "a b", "é", "#a", None, 7, "a\n"])
def test_rfc8620_1_2_what_is_no_id(value: object) -> None:
    assert not ids.is_id(value)


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_rfc8620_1_4_a_utcdate_leads_back(milliseconds: int) -> None:
    text = dates.utc_date(milliseconds)
    assert dates.parse_utc_date(text) == milliseconds
    assert not text.endswith(".000Z")


@pytest.mark.parametrize(
    "value",
    [
        "2014-10-30T14:12:00+08:00",
        "2014-10-30t14:12:00Z",
        "2014-10-30T14:12:00z",
        "2014-10-30T14:12:00.0Z",
        "2014-10-30T14:12:00.10Z",
        "2014-13-30T14:12:00Z",
        "2014-10-30",
        "",
        None,
        5,
    ],
)
def test_rfc8620_1_4_what_is_no_utcdate(value: object) -> None:
    assert dates.parse_utc_date(value) is None


def test_rfc3339_5_7_a_leap_second_is_a_date() -> None:
    assert dates.parse_utc_date("1990-12-31T23:59:60Z") == 662687999000


@given(st.dictionaries(st.from_regex(r"a[0-9a-f]{1,6}", fullmatch=True), st.integers(0, 2**50)))
def test_rfc8887_4_3_5_1_a_push_state_leads_back(seen: dict[str, int]) -> None:
    token = statechange.push_state("0a1b", seen)
    assert statechange.parse_push_state("0a1b", token) == seen
    assert statechange.parse_push_state("ffff", token) is None


@given(st.text(max_size=30))
def test_rfc8887_4_3_5_2_any_push_state_is_read_or_unknown(token: str) -> None:
    assert statechange.parse_push_state("0a1b", token) in (None, {}) or ":" in token


def test_rfc8620_5_2_a_state_of_another_epoch_is_unknown() -> None:
    assert statechange.modseq("0a1b", statechange.state("0a1b", 77)) == 77
    assert statechange.modseq("0a1c", statechange.state("0a1b", 77)) is None
    assert statechange.modseq("0a1b", "nonsense") is None
