"""Unicode's normal forms, bounded (UAX #15 section 13)."""

import time
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.protocol.normalization import MAX_MARKS, normalize

Form = Literal["NFC", "NFD", "NFKD"]
FORMS: list[Form] = ["NFC", "NFD", "NFKD"]
MARKS = "\u0301\u0316"


@given(st.text() | st.text(st.sampled_from("ae" + MARKS + "🦭—"), max_size=MAX_MARKS), st.sampled_from(FORMS))
def test_text_of_people_is_normalized_as_unicode_says(text: str, form: Form) -> None:
    assert normalize(form, text) == unicodedata.normalize(form, text)


def test_marks_up_to_the_bound_are_left_alone_and_others_stay_in_the_text() -> None:
    text = "e" + "\u0316" * MAX_MARKS
    assert normalize("NFC", text) == text
    assert normalize("NFC", text + "\u0316b").replace("\u034f", "") == text + "\u0316b"
    assert normalize("NFC", "🦭" * 100) == "🦭" * 100


@pytest.mark.parametrize("form", FORMS)
def test_marks_without_end_take_no_square_of_their_number(form: Form) -> None:
    began = time.process_time()
    assert len(normalize(form, "a" + MARKS * 500_000)) > 1_000_000
    assert time.process_time() - began < 5
