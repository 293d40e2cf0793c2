"""RFC 8621 section 5: search words marked in subjects and bodies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.message.snippet import MAX_OCTETS, Phrase, mark, snippet
from tests.caller import Caller


def phrase(text: str, *, prefix: bool = False) -> Phrase:
    found = Phrase.of(text, prefix=prefix)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "wanted", "marked"),
    [
        ("The Foo & bar", "foo", "The <mark>Foo</mark> &amp; bar"),
        ("a <b> Zürich", "zurich", "a &lt;b&gt; <mark>Zürich</mark>"),
        ("one two three", "two three", "one <mark>two three</mark>"),
        ("我爱北京天安门", "北京", "我爱<mark>北京</mark>天安门"),
        ("football", "foot", None),
        ("foo foo", "foo", "<mark>foo</mark> <mark>foo</mark>"),
    ],
)
def test_rfc8621_5_words_are_marked_and_the_rest_is_escaped(text: str, wanted: str, marked: str | None) -> None:
    assert mark(text, [phrase(wanted)]) == marked


def test_a_prefix_marks_the_whole_word() -> None:
    assert mark("The Foosball cup", [phrase("foo", prefix=True)]) == "The <mark>Foosball</mark> cup"


def plain(shown: str) -> str:
    for one, other in (("<mark>", ""), ("</mark>", ""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        shown = shown.replace(one, other)
    return shown


@given(st.text(st.sampled_from("ab &<>é我\n"), max_size=1500), st.sampled_from(["a", "b b", "é", "我"]))
def test_rfc8621_5_a_preview_is_at_most_255_octets_of_the_text(text: str, wanted: str) -> None:
    shown = snippet(text, [phrase(wanted)])
    if shown is None:
        assert mark(" ".join(text.split()), [phrase(wanted)]) is None
        return
    assert len(shown.encode()) <= MAX_OCTETS
    assert shown.count("<mark>") == shown.count("</mark>") >= 1
    assert plain(shown).removeprefix("…") in " ".join(text.split())


def test_the_part_around_the_first_match_is_shown() -> None:
    shown = snippet("x " * 500 + "needle " + "y " * 500, [phrase("needle")])
    assert shown is not None
    assert shown.startswith("…x x")
    assert " <mark>needle</mark> y" in shown


def message(subject: str, body: str, media_type: str = "text/plain") -> bytes:
    head = f"Subject: {subject}\r\nFrom: a@example.org\r\nContent-Type: {media_type}; charset=utf-8\r\n\r\n"
    return (head + body).encode()


def snippets(jmap: Caller, filter: Any, *ids: str) -> list[tuple[str | None, str | None]]:
    said = jmap.call("SearchSnippet/get", filter=filter, emailIds=ids)
    assert said["notFound"] is None
    by_id = {one["emailId"]: one for one in said["list"]}
    return [(by_id[id]["subject"], by_id[id]["preview"]) for id in ids]


def test_rfc8621_5_1_snippets_of_subjects_and_bodies(jmap: Caller) -> None:
    one = jmap.import_message(message("The Foo cup", "This year the foo is in the stadium."))
    two = jmap.import_message(message("Another", "<p>A <b>foo</b> &amp; <i>bar</i></p>", "text/html"))
    assert snippets(jmap, {"text": "foo"}, one, two) == [
        ("The <mark>Foo</mark> cup", "This year the <mark>foo</mark> is in the stadium."),
        (None, "A <mark>foo</mark> &amp; bar"),
    ]
    assert snippets(jmap, {"subject": "foo"}, one) == [("The <mark>Foo</mark> cup", None)]
    assert snippets(jmap, {"body": '"the stadium"'}, one)[0][1] == "This year the foo is in <mark>the stadium</mark>."


def test_rfc8621_5_what_must_not_be_there_is_not_marked_and_without_marks_there_is_null(jmap: Caller) -> None:
    id = jmap.import_message(message("foo bar", "text"))
    filter = {
        "operator": "AND",
        "conditions": [{"subject": "bar"}, {"operator": "NOT", "conditions": [{"subject": "foo"}]}],
    }
    assert snippets(jmap, filter, id) == [("foo <mark>bar</mark>", None)]
    assert snippets(jmap, None, id) == [(None, None)]


def test_rfc8621_5_1_what_is_not_there_is_not_found(jmap: Caller) -> None:
    id = jmap.import_message(message("foo", "text"))
    said = jmap.call("SearchSnippet/get", filter={"text": "foo"}, emailIds=[id, "Mnone"])
    assert said["notFound"] == ["Mnone"]
    assert len(said["list"]) == 1


def test_rfc8621_5_1_errors(jmap: Caller) -> None:
    assert jmap.error("SearchSnippet/get", filter={"made-up": 1}, emailIds=[])["type"] == "unsupportedFilter"
    assert jmap.error("SearchSnippet/get", filter=None)["type"] == "invalidArguments"
    many = [f"M{n}" for n in range(501)]
    assert jmap.error("SearchSnippet/get", filter=None, emailIds=many)["type"] == "requestTooLarge"
