"""Random Emails, and what may be asked of them by Email/query."""

from __future__ import annotations

from collections import ChainMap
from typing import Any

import attrs
from hypothesis import strategies as st

from tests.methods.email_oracle import Address, Email, Message, Node

BOXES = ("Inbox", "Archive", "Trash")
WORDS = ("alpha", "Beta", "gamma", "Épsilon")
KEYWORDS = ("$seen", "$flagged", "other")
SUBJECTS = [
    ("", "{}"),
    ("", "Re: {}"),
    *((word, around) for word in (*WORDS, "beta two") for around in ("{}", "Re: {}", "[list] Fwd: {} (fwd)")),
]
ORDINARY_DATES = ["2024-02-01T00:00:00Z", "2024-02-01T00:00:01Z", "2024-02-20T07:00:00Z", "2024-03-05T23:59:59Z"]
# within a second, before 1970 and behind 2106 the numbers of Emails are not in the order of their dates
HARD_DATES = ["2024-02-01T00:00:00.25Z", "2024-02-01T00:00:00.1Z", "1960-05-05T05:05:05Z", "2200-01-01T00:00:00Z"]
KEYWORD_CONDITIONS = [f"{which}InThreadHaveKeyword" for which in ("all", "some", "none")] + ["hasKeyword", "notKeyword"]

words = st.sampled_from(WORDS)
boxes = st.frozensets(st.sampled_from(BOXES), min_size=1)
keywords = st.frozensets(st.sampled_from(KEYWORDS))
addresses = st.lists(
    st.tuples(
        st.sampled_from(["", "", "Anna", "zoe", "Émile"]), st.sampled_from(["gamma@x.example", "Anna@y.example"])
    ),
    max_size=2,
).map(tuple)


@st.composite
def emails_of(draw: st.DrawFn, dates: list[str], first: int = 0, most: int = 9) -> list[Email]:
    """Emails whose messages are numbered from ``first`` on."""
    return [draw(email(number, dates)) for number in range(first, first + draw(st.integers(1, most)))]


def email(number: int, dates: list[str]) -> st.SearchStrategy[Email]:
    def made(about: tuple[str, str], **more: Any) -> Message:
        return Message(number, *about, **more)

    fields: dict[str, st.SearchStrategy[tuple[Address, ...]]] = dict.fromkeys(("from", "to", "cc", "bcc"), addresses)
    message = st.builds(
        made,
        st.sampled_from(SUBJECTS),
        addresses=st.fixed_dictionaries(fields),
        sent=st.none() | st.integers(0, 5).map(lambda hours: 1_700_000_000 + 3600 * hours),
        zone=st.integers(-3, 3),
        words=st.lists(words, max_size=3).map(" ".join),
        html=st.booleans(),
        attachment=st.booleans(),
        comment=st.none() | words,
        references=st.lists(st.integers(0, 12), max_size=2, unique=True).map(tuple),
    )
    return st.builds(Email, message, st.sampled_from(dates), boxes, keywords)


texts = words | st.sampled_from(["alpha gamma", "BETA", "anna", "émile", "x example", "nothing"])
headers = st.sampled_from(
    [
        ["From"],
        ["cc"],
        ["X-Comment"],
        ["X-None"],
        ["subject", "ALPH"],
        ["To", "@Y.ex"],
        ["FROM", "émi"],
        ["x-comment", "amm"],
    ]
)
values: dict[str, st.SearchStrategy[Any]] = {
    "inMailbox": st.sampled_from([*BOXES, "nowhere"]),
    "inMailboxOtherThan": st.lists(st.sampled_from([*BOXES, "nowhere"]), max_size=3),
    **dict.fromkeys(("before", "after"), st.sampled_from([*ORDINARY_DATES, *HARD_DATES])),
    **dict.fromkeys(KEYWORD_CONDITIONS, st.sampled_from([*KEYWORDS, "$SEEN", "none"])),
    "hasAttachment": st.booleans(),
    **dict.fromkeys(("text", "from", "to", "cc", "bcc", "subject", "body"), texts),
    "header": headers,
}
operators = st.sampled_from(["AND", "OR", "NOT"])


def filters_of(sizes: list[int]) -> st.SearchStrategy[Node]:
    """Filters for Emails of these sizes."""
    of_size = dict.fromkeys(("minSize", "maxSize"), st.sampled_from([*sizes, 2**53 - 1]))
    one = st.one_of([st.fixed_dictionaries({name: value}) for name, value in {**values, **of_size}.items()])
    several = st.lists(one, max_size=3).map(lambda some: dict(ChainMap(*some)))
    return st.recursive(
        one | several,
        lambda inner: st.fixed_dictionaries({"operator": operators, "conditions": st.lists(inner, max_size=3)}),
        max_leaves=6,
    )


comparators = st.fixed_dictionaries(
    {"property": st.sampled_from(["receivedAt", "sentAt", "size", "subject", "from", "to"])},
    optional={"isAscending": st.booleans(), "collation": st.just("i;unicode-casemap")},
) | st.fixed_dictionaries(
    {
        "property": st.sampled_from(["hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword"]),
        "keyword": st.sampled_from([*KEYWORDS, "$Flagged"]),
    },
    optional={"isAscending": st.booleans()},
)


@attrs.frozen
class Query:
    """An Email/query, and which windows of its results are asked for."""

    filter: Node | None
    sort: list[Node] | None
    collapse: bool
    position: int
    limit: int
    anchor: int
    offset: int

    def arguments(self, mailboxes: dict[str, str]) -> dict[str, Any]:
        filter = None if self.filter is None else with_ids(self.filter, mailboxes)
        return {"filter": filter, "sort": self.sort, "collapseThreads": self.collapse}


def queries_of(emails: list[Email]) -> st.SearchStrategy[Query]:
    """Queries of an account with these Emails."""
    sizes = [len(email.message.raw()) for email in emails]
    return st.builds(
        Query,
        filter=st.none() | filters_of(sizes),
        sort=st.none() | st.just([{"property": "receivedAt"}]) | st.lists(comparators, max_size=3),
        collapse=st.booleans(),
        position=st.integers(-12, 12),
        limit=st.integers(0, 6),
        anchor=st.integers(0, 9),
        offset=st.integers(-5, 5),
    )


def with_ids(node: Node, mailboxes: dict[str, str]) -> Node:
    if "operator" in node:
        return {**node, "conditions": [with_ids(one, mailboxes) for one in node["conditions"]]}
    named = dict(node)
    if "inMailbox" in named:
        named["inMailbox"] = mailboxes[named["inMailbox"]]
    if "inMailboxOtherThan" in named:
        named["inMailboxOtherThan"] = [mailboxes[one] for one in named["inMailboxOtherThan"]]
    return named
