"""Content-Transfer-Encodings and body values: RFC 2045 section 6, RFC 8621 section 4.1.4."""

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.message.body import body_value
from jmapd.message.html import MAX_ATTRIBUTES, html_to_text
from jmapd.message.preview import preview
from jmapd.message.transfer import decode, decode_chunk


@given(st.binary())
def test_rfc2045_6_8_base64_is_undone(data: bytes) -> None:
    assert decode(base64.encodebytes(data), "base64") == data


@given(st.binary())
def test_rfc2045_6_7_quoted_printable_is_undone(data: bytes) -> None:
    assert decode(quopri.encodestring(data), "quoted-printable") == quopri.decodestring(quopri.encodestring(data))


ENCODED = st.lists(
    st.sampled_from([b"YWJj", b"YQ==", b"=", b"==", b"\r\n", b"\n", b"=C3=A9", b"=\n", b"=\r\n", b"x", b" ", b"!"]),
    max_size=40,
).map(b"".join)


@given(ENCODED, st.sampled_from(["identity", "base64", "quoted-printable"]), st.lists(st.integers(1, 30), min_size=1))
def test_pieces_decode_to_what_the_whole_decodes_to(encoded: bytes, encoding: str, sizes: list[int]) -> None:
    decoded, at, turn, wait = b"", 0, 0, 0
    while True:
        size = sizes[turn % len(sizes)] + wait
        turn += 1
        final = at + size >= len(encoded)
        piece, used = decode_chunk(encoded[at : at + size], encoding, final)
        decoded += piece
        at += used
        # the same bytes come again with more
        wait = 0 if used else wait + 10
        if final:
            break
    assert decoded == decode(encoded, encoding)


@pytest.mark.parametrize(
    ("data", "charset", "value", "problem"),
    [
        (b"a\r\nb\n", "us-ascii", "a\nb\n", False),
        ("é".encode(), "utf-8", "é", False),
        ("é".encode(), "us-ascii", "é", False),
        (b"\xe9", "iso-8859-1", "é", False),
        (b"\x80", "iso-8859-1", "€", False),
        (b"\xe9", "utf-8", "é", True),
        (b"\xe9", "x-unknown", "é", True),
        ("会議".encode("iso-2022-jp"), "iso-2022-jp", "会議", False),
        ("会議".encode("shift_jis"), "Shift_JIS", "会議", False),
        (b"x", "zlib", "x", True),
        (b"x", None, "x", False),
    ],
)
def test_rfc8621_4_1_4_body_values(data: bytes, charset: str | None, value: str, problem: bool) -> None:
    found = body_value(data, "identity", charset, "text/plain", 0)
    assert found == {"value": value, "isEncodingProblem": problem, "isTruncated": False}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")), st.integers(1, 50))
def test_rfc8621_4_2_truncation_never_splits_a_character(text: str, bound: int) -> None:
    found = body_value(text.encode(), "identity", "utf-8", "text/plain", bound)
    value = str(found["value"])
    assert text.startswith(value)
    assert len(value.encode()) <= bound
    assert found["isTruncated"] is (len(text.encode()) > bound)
    assert found["isTruncated"] is False or len(value.encode()) > bound - 4


@pytest.mark.parametrize(
    ("bound", "value"), [(8, "<p>a</p>"), (10, "<p>a</p>"), (13, "<p>a</p><b>"), (17, "<p>a</p><b>&amp;")]
)
def test_rfc8621_4_2_html_is_not_cut_within_a_tag_or_entity(bound: int, value: str) -> None:
    html = b"<p>a</p><b>&amp;&amp;x</b>"
    assert body_value(html, "identity", "utf-8", "text/html", bound)["value"] == value


def test_html_is_read_as_text() -> None:
    html = "<html><head><title>t</title><style>s</style></head><body><p>One</p><p>two &amp; three<script>x()</script>"
    assert html_to_text(html) == "One two & three"


@pytest.mark.parametrize("much", [0, MAX_ATTRIBUTES])
def test_html_of_many_attributes_is_read_alike(much: int) -> None:
    html = (
        "<html><style>s</style><!-- <p -->One<p title=\"a > b\" class='x>y' hidden>two <b>three</b><br/>four"
        "<script>if (a<b) x('<p ')</script><a href=x/y?a=b&c='d'>five</a> 1 < 2"
    )
    assert html_to_text(html + " " * much) == "One two three four five 1 < 2"


@given(st.text())
def test_rfc8621_4_1_4_a_preview_has_at_most_256_characters(text: str) -> None:
    assert len(preview(text)) <= 256
    assert "\n" not in preview(text)


def test_a_preview_leaves_quotations_out() -> None:
    assert preview("> quoted\n---\nSaid  so\n\nand more") == "Said so and more"
