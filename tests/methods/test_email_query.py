"""RFC 8621 section 4.4 against an oracle: each query's answer is worked out again from what /get shows."""

from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine import Engine, engine

EMAILS = 40
WORDS = ("alpha", "beta", "gamma")
SENDERS = ("anna", "ben")
BOXES = ("Inbox", "Archive", "Trash")


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, list[dict[str, Any]]]]:
    folder: Path = tmp_path_factory.mktemp("query")
    with engine(folder) as jmap:
        for n in range(EMAILS):
            subject, sender = WORDS[n % 3], SENDERS[n % 2]
            reply = f"References: <{n - 6}@x.example>\r\n" if n % 4 == 0 and n > 6 else ""
            raw = (
                f"From: {sender} <{sender}@example.org>\r\nTo: x@example.org\r\nSubject: {subject}\r\n{reply}"
                f"Message-ID: <{n}@x.example>\r\nDate: Mon, {1 + n % 28} Jan 2024 07:00:00 +0000\r\n\r\n"
                f"{'word ' * (n % 7)}{WORDS[n % 2]}\r\n"
            )
            jmap.import_message(
                raw.encode(),
                BOXES[n % 5 % 3],
                keywords={name: True for name, every in (("$seen", 2), ("$flagged", 5)) if n % every == 0},
                receivedAt=f"2024-02-{1 + n * 7 % 28:02}T00:00:{n % 3:02}Z",
            )
        names = ["header:References", "header:To", "header:Subject", "header:X-None"]
        names += ["mailboxIds", "keywords", "receivedAt", "sentAt", "size", "subject", "from", "to", "bodyValues"]
        names += ["threadId", "hasAttachment"]
        everything = jmap.call("Email/get", ids=None, fetchTextBodyValues=True, properties=names)["list"]
        for email in everything:
            email["thread"] = [one for one in everything if one["threadId"] == email["threadId"]]
        yield jmap, everything


DATES = [f"2024-02-{day:02}T00:00:00Z" for day in (1, 9, 20, 28)]
CONDITIONS = st.one_of(
    st.fixed_dictionaries({"inMailbox": st.sampled_from(BOXES)}),
    st.fixed_dictionaries({"hasKeyword": st.sampled_from(["$seen", "$Flagged", "other"])}),
    st.fixed_dictionaries({"notKeyword": st.sampled_from(["$seen", "$flagged"])}),
    st.fixed_dictionaries({"before": st.sampled_from(DATES)}),
    st.fixed_dictionaries({"after": st.sampled_from(DATES)}),
    st.fixed_dictionaries({"subject": st.sampled_from(WORDS)}),
    st.fixed_dictionaries({"from": st.sampled_from(SENDERS)}),
    st.fixed_dictionaries({"text": st.sampled_from(WORDS)}),
    st.fixed_dictionaries({"inMailboxOtherThan": st.lists(st.sampled_from(BOXES), max_size=2)}),
    *(
        st.fixed_dictionaries({f"{which}InThreadHaveKeyword": st.sampled_from(["$seen", "$Flagged", "other"])})
        for which in ("all", "some", "none")
    ),
    st.fixed_dictionaries({"header": st.sampled_from([["references"], ["Subject", "ALPH"], ["to"], ["x-none"]])}),
    st.fixed_dictionaries({"minSize": st.just(170), "hasAttachment": st.just(False)}),
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.fixed_dictionaries(
        {"operator": st.sampled_from(["AND", "OR", "NOT"]), "conditions": st.lists(inner, max_size=3)}
    ),
    max_leaves=6,
)
SORTS = st.lists(
    st.fixed_dictionaries(
        {
            "property": st.sampled_from(["receivedAt", "sentAt", "size", "subject", "from", "to"]),
            "isAscending": st.booleans(),
        }
    )
    | st.fixed_dictionaries(
        {
            "property": st.sampled_from(["hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword"]),
            "keyword": st.sampled_from(["$seen", "$Flagged"]),
            "isAscending": st.booleans(),
        }
    ),
    max_size=3,
)


def with_ids(jmap: Engine, node: dict[str, Any]) -> dict[str, Any]:
    if "operator" in node:
        return {**node, "conditions": [with_ids(jmap, one) for one in node["conditions"]]}
    ids: dict[str, Callable[[Any], Any]] = {
        "inMailbox": jmap.mailboxes.get,
        "inMailboxOtherThan": lambda names: [jmap.mailboxes[one] for one in names],
    }
    return {name: ids[name](value) if name in ids else value for name, value in node.items()}


def body_of(email: dict[str, Any]) -> str:
    return " ".join(value["value"] for value in email["bodyValues"].values())


def has_header(email: dict[str, Any], name: str, text: str = "") -> bool:
    fields = {key.removeprefix("header:").lower(): value for key, value in email.items() if key.startswith("header:")}
    return fields[name.lower()] is not None and text.lower() in fields[name.lower()].lower()


TESTS: dict[str, Callable[[dict[str, Any], Any], bool]] = {
    "inMailbox": lambda email, value: value in email["mailboxIds"],
    "hasKeyword": lambda email, value: value.lower() in email["keywords"],
    "notKeyword": lambda email, value: value.lower() not in email["keywords"],
    "before": lambda email, value: bool(email["receivedAt"] < value),
    "after": lambda email, value: bool(email["receivedAt"] >= value),
    "subject": lambda email, value: value in email["subject"],
    "from": lambda email, value: value in email["from"][0]["email"],
    "text": lambda email, value: value in email["subject"] or value in body_of(email),
    "inMailboxOtherThan": lambda email, value: bool(set(email["mailboxIds"]) - set(value)),
    "someInThreadHaveKeyword": lambda email, value: any(value.lower() in one["keywords"] for one in email["thread"]),
    "allInThreadHaveKeyword": lambda email, value: all(value.lower() in one["keywords"] for one in email["thread"]),
    "noneInThreadHaveKeyword": lambda email, value: (
        not any(value.lower() in one["keywords"] for one in email["thread"])
    ),
    "header": lambda email, value: has_header(email, *value),
    "minSize": lambda email, value: bool(email["size"] >= value),
    "hasAttachment": lambda email, value: bool(email["hasAttachment"] is value),
}


def matches(email: dict[str, Any], node: dict[str, Any]) -> bool:
    if "operator" in node:
        each = [matches(email, one) for one in node["conditions"]]
        return {"AND": all(each), "OR": any(each), "NOT": not any(each)}[node["operator"]]
    return all(TESTS[name](email, value) for name, value in node.items())


KEYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    **{name: itemgetter(name) for name in ("receivedAt", "sentAt", "size", "subject")},
    "from": lambda email: email["from"][0]["name"],
    "to": lambda email: email["to"][0]["email"],
}


def key_of(comparator: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    name = comparator["property"]
    if name in KEYS:
        return KEYS[name]
    return lambda email: TESTS[name](email, comparator["keyword"])


def expected(emails: list[dict[str, Any]], node: dict[str, Any] | None, sort: list[dict[str, Any]]) -> list[str]:
    found = [email for email in emails if node is None or matches(email, node)]
    last = sort[-1]["isAscending"] if sort else False
    found.sort(key=lambda email: (email["receivedAt"], int(email["id"][1:], 16)), reverse=not last)
    for one in reversed(sort or [{"property": "receivedAt", "isAscending": False}]):
        found.sort(key=key_of(one), reverse=not one["isAscending"])
    return [email["id"] for email in found]


def collapsed(emails: list[dict[str, Any]], ids: list[str]) -> list[str]:
    threads = {email["id"]: email["threadId"] for email in emails}
    first: dict[str, str] = {}
    for id in ids:
        first.setdefault(threads[id], id)
    return list(first.values())


@settings(deadline=None, max_examples=150)
@given(node=st.none() | FILTERS, sort=SORTS, collapse=st.booleans(), data=st.data())
def test_rfc8621_4_4_a_query_finds_what_the_words_of_the_rfc_say(
    mail: tuple[Engine, list[dict[str, Any]]],
    node: dict[str, Any] | None,
    sort: list[dict[str, Any]],
    collapse: bool,
    data: st.DataObject,
) -> None:
    jmap, emails = mail
    filter = None if node is None else with_ids(jmap, node)
    wanted = expected(emails, filter, sort)
    if collapse:
        wanted = collapsed(emails, wanted)
    arguments: dict[str, Any] = {"filter": filter, "sort": sort or None, "collapseThreads": collapse}
    said = jmap.call("Email/query", **arguments, calculateTotal=True)
    assert said["ids"] == wanted
    assert said["total"] == len(wanted)
    position = data.draw(st.integers(-EMAILS - 2, EMAILS + 2))
    limit = data.draw(st.integers(0, EMAILS))
    start = position if position >= 0 else max(0, len(wanted) + position)
    said = jmap.call("Email/query", **arguments, position=position, limit=limit)
    assert said["ids"] == wanted[start : start + limit]
    assert said["position"] == start
    if wanted:
        anchor = data.draw(st.sampled_from(wanted))
        offset = data.draw(st.integers(-5, 5))
        start = max(0, wanted.index(anchor) + offset)
        said = jmap.call("Email/query", **arguments, anchor=anchor, anchorOffset=offset, limit=5, position=3)
        assert (said["position"], said["ids"]) == (start, wanted[start : start + 5])


def test_rfc8620_5_5_arguments_of_query(mail: tuple[Engine, list[dict[str, Any]]]) -> None:
    jmap, emails = mail
    outside = {email["id"] for email in emails if jmap.mailboxes["Inbox"] not in email["mailboxIds"]}
    inbox = {"inMailbox": jmap.mailboxes["Inbox"]}
    assert jmap.error("Email/query", filter=inbox, anchor=outside.pop())["type"] == "anchorNotFound"
    assert jmap.error("Email/query", limit=-1)["type"] == "invalidArguments"
    assert jmap.error("Email/query", filter={"nothing": 1})["type"] == "unsupportedFilter"
    assert jmap.error("Email/query", filter={"operator": "XOR", "conditions": []})["type"] == "invalidArguments"
    assert jmap.error("Email/query", filter={"header": []})["type"] == "invalidArguments"
    assert jmap.error("Email/query", sort=[{"property": "hasKeyword"}])["type"] == "invalidArguments"
    assert jmap.error("Email/query", sort=[{"property": "nothing"}])["type"] == "unsupportedSort"
    assert jmap.error("Email/query", sort=[{"property": "size", "collation": "x"}])["type"] == "unsupportedSort"
    assert jmap.error("Email/query", filter={"before": "x"})["type"] == "invalidArguments"
    assert jmap.call("Email/query", limit=100_000)["limit"] == 5000
    assert "limit" not in jmap.call("Email/query", limit=10)
    assert jmap.call("Email/query", filter={"inMailbox": "m999"}, calculateTotal=True)["total"] == 0
