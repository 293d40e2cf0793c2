"""RFC 7493, as RFC 8620 section 1 asks of every Request."""

import json
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.protocol import ijson

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=5)
    ),
    max_leaves=30,
)


@given(JSON)
def test_rfc7493_2_what_is_ijson_comes_back(value: object) -> None:
    assert ijson.loads(json.dumps(value).encode()) == value
    assert ijson.loads(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=200))
def test_rfc7493_2_any_bytes_are_read_or_refused(text: bytes) -> None:
    with suppress(ijson.NotIJSON):
        assert ijson.loads(text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a" :1,"a":2}',
        b'[{"x":{"b":1,"c":[],"b":1}}]',
        b'{"a":1,"\\u0061":2}',
        b'"\\ud800"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"NaN",
        b"{}{}",
        b"",
        b"\xef\xbb\xbf{}",
    ],
)
def test_rfc7493_2_forbidden_texts_are_refused(text: bytes) -> None:
    with pytest.raises(ijson.NotIJSON):
        ijson.loads(text)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"[":', b"}]")])
def test_depth_at_the_limit_and_one_above(opening: bytes, closing: bytes) -> None:
    levels = opening.count(b"[") - (b'"["' in opening) + opening.count(b"{")
    times = ijson.MAX_DEPTH // levels
    fitting = opening * times + b"1" + closing * times
    assert ijson.loads(fitting)
    with pytest.raises(ijson.NotIJSON, match="deeper"):
        ijson.loads(b"[" + fitting + b"]")


def test_brackets_within_strings_are_no_depth() -> None:
    text = json.dumps({"a": "[" * 500 + '\\"{' * 200}).encode()
    assert ijson.loads(text)


def test_a_deep_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(ijson.NotIJSON):
        ijson.loads(b"[" * 200_000)


def test_numbers_of_many_digits_are_numbers() -> None:
    assert ijson.loads(b"[" + b"1" * 300 + b"]") == [float("1" * 300)]
    with pytest.raises(ijson.NotIJSON):
        # no double is so large (RFC 7493 section 2.2)
        ijson.loads(b"[" + b"1" * 5000 + b"]")


def test_a_text_that_memory_is_too_small_for_is_not_called_wrong() -> None:
    code = (
        "import resource, sys\n"
        "from jmapd.protocol import ijson\n"
        "text = b'[' + b'0,' * 2_000_000 + b'0]'\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (40 << 20, 40 << 20))\n"
        "try:\n    ijson.loads(text)\nexcept MemoryError:\n    sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 7
