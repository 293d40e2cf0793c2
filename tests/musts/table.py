"""What the RFCs demand, as docs/conformance.md shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tests.musts import FILES, Must, Section, read
from tests.outcome import Name, Outcome

Outcomes = Mapping[str, Outcome]


def dotted(section: Section) -> str:
    """A section as it is written."""
    return ".".join(map(str, section))


def summary(outcomes: Outcomes) -> Iterator[str]:
    """How much of what the RFCs demand of a server is held, and what is missing."""
    yield "| what a server must | in all | held | does not arise | missing |"
    yield "|---|---|---|---|---|"
    for rfc in FILES:
        musts = [one for one in read(rfc).musts if not one.binds]
        held = sum(_is_held(one, outcomes) for one in musts)
        moot = sum(bool(one.moot) for one in musts)
        yield f"| RFC {rfc} | {len(musts)} | {held} | {moot} | {len(musts) - held - moot} |"
    yield "\n## What is missing\n"
    for rfc in FILES:
        missing: dict[str, list[Must]] = {}
        for one in read(rfc).musts:
            if one.lacks:
                missing.setdefault(one.lacks, []).append(one)
        for why, musts in missing.items():
            sections = ", ".join(dict.fromkeys(dotted(one.section) for one in musts))
            yield f"- RFC {rfc}, section {sections}: {why}."
    yield "- RFC 8621, section 7: what goes to other servers waits."


def demands(rfc: int, outcomes: Outcomes) -> Iterator[str]:
    """The tables of an RFC: its methods, what it demands of a server, and what of others."""
    whole = read(rfc)
    yield "\n### Methods\n\n| section | method | tests | |\n|---|---|---|---|"
    for method in whole.methods:
        yield from _rows(rfc, dotted(method.section), method.name, method.tests, outcomes)
    yield "\n### What a server must\n\n| section | what must be | tests | |\n|---|---|---|---|"
    for one in whole.musts:
        if one.tests:
            yield from _rows(rfc, dotted(one.section), one.says, one.tests, outcomes)
        elif one.moot or one.lacks:
            why = f"does not arise: {one.moot}" if one.moot else f"**missing**: {one.lacks}"
            yield f"| {dotted(one.section)} | {one.says} | {why} | |"
    yield "\n### What others must\n\n| section | who | what must be |\n|---|---|---|"
    for one in whole.musts:
        if one.binds:
            yield f"| {dotted(one.section)} | {one.binds} | {one.says} |"


def _is_held(must: Must, outcomes: Outcomes) -> bool:
    return bool(must.tests) and all(test in outcomes and outcomes[test].passed for test in must.tests)


def _rows(rfc: int, section: str, says: str, tests: Iterable[str], outcomes: Outcomes) -> Iterator[str]:
    """A row for each test; what they hold is written once."""
    for test in tests:
        name = Name.of(test)
        assert name is not None
        told = name.says if name.rfc == rfc else f"{name.says} (RFC {name.rfc})"
        yield f"| {section} | {says} | {told} | {outcomes.get(test, Outcome()).shown()} |"
        section = says = ""
