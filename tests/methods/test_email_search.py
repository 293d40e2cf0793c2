"""What text searches find, and what they cannot be asked (RFC 8621 section 4.4.1)."""

from __future__ import annotations

from typing import Any

from tests.caller import Caller

FIELDS = {"From": "walrus", "To": "badger", "Cc": "heron", "Bcc": "otter", "Subject": "lynx"}


def message(body: str, **fields: str) -> bytes:
    head = {"From": "a@example.org", "Subject": "s", **fields}
    return ("".join(f"{name}: {value}\r\n" for name, value in head.items()) + f"\r\n{body}\r\n").encode()


def found(jmap: Caller, filter: dict[str, Any]) -> set[str]:
    return set(jmap.call("Email/query", filter=filter)["ids"])


def test_rfc8621_4_4_1_text_looks_into_addresses_subject_and_body(jmap: Caller) -> None:
    ids = {}
    for name, word in FIELDS.items():
        value = word if name == "Subject" else f"{word.title()} Smith <{word}mail@example.org>"
        ids[word] = jmap.import_message(message("nothing", **{name: value}))
    ids["marmot"] = jmap.import_message(message("a marmot"))
    for word, id in ids.items():
        assert found(jmap, {"text": word}) == found(jmap, {"text": word.upper()}) == {id}
    for name, word in FIELDS.items():
        assert found(jmap, {name.lower(): word}) == {ids[word]}
    assert found(jmap, {"text": "walrusmail"}) == {ids["walrus"]}


def test_rfc8621_4_4_1_all_words_must_be_there(jmap: Caller) -> None:
    both = jmap.import_message(message("the heron", Subject="a lynx"))
    jmap.import_message(message("the heron"))
    jmap.import_message(message("nothing", Subject="a lynx"))
    assert found(jmap, {"text": "lynx heron"}) == {both}
    assert found(jmap, {"text": "heron  lynx "}) == {both}
    assert found(jmap, {"text": "heron lynx walrus"}) == set()


def test_rfc8621_4_4_1_phrases_are_in_either_quotes_and_may_hold_them(jmap: Caller) -> None:
    exact = jmap.import_message(message("the red panda sleeps"))
    jmap.import_message(message("a panda is red"))
    quoting = jmap.import_message(message("""it's "quite right" so"""))
    for text in ('"red panda"', "'red panda'"):
        assert found(jmap, {"body": text}) == {exact}
    for text in (r'"it\'s \"quite right\""', r"'it\'s \"quite right\" so'", '"quite right"', "it's"):
        assert found(jmap, {"body": text}) == {quoting}, text
    assert found(jmap, {"body": r'"right \"quite"'}) == set()


def test_rfc8621_4_4_1_no_conditions_are_always_true(jmap: Caller) -> None:
    ids = {jmap.import_message(message(str(number))) for number in range(2)}
    assert found(jmap, {}) == ids
    assert found(jmap, {"operator": "AND", "conditions": [{}, {}]}) == ids
    assert found(jmap, {"operator": "NOT", "conditions": [{}]}) == set()


def test_rfc8621_4_4_1_a_header_condition_has_one_or_two_elements(jmap: Caller) -> None:
    id = jmap.import_message(message("x", **{"X-Animal": "a Lynx"}))
    assert found(jmap, {"header": ["x-animal"]}) == found(jmap, {"header": ["X-ANIMAL", "lynx"]}) == {id}
    wrong: list[Any] = [[], ["x", "y", "z"], "x", [1], ["x", None]]
    for header in wrong:
        assert jmap.error("Email/query", filter={"header": header})["type"] == "invalidArguments"


def test_rfc8621_4_4_2_sorting_by_a_keyword_needs_it(jmap: Caller) -> None:
    flagged, other = (jmap.import_message(message(str(n)), receivedAt=f"2025-01-0{n}T00:00:00Z") for n in (1, 2))
    jmap.call("Email/set", update={flagged: {"keywords/$flagged": True}})
    for name in ("hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword"):
        sort = {"property": name, "keyword": "$FLAGGED"}
        assert jmap.call("Email/query", sort=[{**sort, "isAscending": False}])["ids"] == [flagged, other]
        assert jmap.call("Email/query", sort=[sort])["ids"] == [other, flagged]
        for keyword in ({}, {"keyword": None}, {"keyword": 1}):
            wrong = {"property": name, **keyword}
            assert jmap.error("Email/query", sort=[wrong])["type"] == "invalidArguments"
    assert jmap.call("Email/query", sort=[{"property": "receivedAt"}])["ids"] == [flagged, other]
