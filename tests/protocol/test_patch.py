"""RFC 8620 section 5.3: PatchObject."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.protocol import patch
from jmapd.protocol.errors import SetError

CURRENT = {"keywords": {"$seen": True}, "mailboxIds": {"m1": True}, "name": "a", "deep": {"b": {"c": 1}}}


@pytest.mark.parametrize(
    ("changes", "touched"),
    [
        ({"keywords/$seen": None}, {"keywords": {}}),
        ({"keywords/$flagged": True}, {"keywords": {"$seen": True, "$flagged": True}}),
        ({"keywords/$seen": None, "keywords/a~1b": True}, {"keywords": {"a/b": True}}),
        ({"name": "b", "keywords": {}}, {"name": "b", "keywords": {}}),
        ({"name": None}, {"name": None}),
        ({"keywords/$absent": None}, {"keywords": {"$seen": True}}),
        ({"deep/b/c": 2}, {"deep": {"b": {"c": 2}}}),
    ],
)
def test_rfc8620_5_3_a_patch_says_the_new_values(changes: dict[str, Any], touched: dict[str, Any]) -> None:
    assert patch.apply(changes, CURRENT) == touched


@pytest.mark.parametrize(
    "changes",
    [
        {"keywords": {}, "keywords/$seen": True},
        {"deep/b": {}, "deep/b/c": 1},
        {"name/a": 1},
        {"deep/x/y": 1},
        {"nothing/a": 1},
    ],
)
def test_rfc8620_5_3_a_patch_that_overlaps_or_leads_nowhere_is_invalid_patch(changes: dict[str, Any]) -> None:
    with pytest.raises(SetError) as raised:
        patch.apply(changes, CURRENT)
    assert raised.value.type == "invalidPatch"


@given(st.dictionaries(st.text(max_size=6), st.none() | st.booleans(), max_size=5))
def test_rfc8620_5_3_a_patch_never_changes_what_it_was_given(changes: dict[str, Any]) -> None:
    before = {"keywords": {"a": True}}
    with suppress(SetError):
        patch.apply(changes, before)
    assert before == {"keywords": {"a": True}}
