"""What the RFCs demand, as docs/conformance.md shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tests.musts import FILES, Demands, Must, Section, read
from tests.outcome import THREE_WAYS, Name, Outcome

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
    for rfc in FILES:
        missing: dict[str, list[Must]] = {}
        for one in read(rfc).musts:
            if one.lacks:
                missing.setdefault(one.lacks, []).append(one)
        for why, musts in missing.items():
            sections = ", ".join(dict.fromkeys(dotted(one.section) for one in musts))
            yield f"\n**Missing**: RFC {rfc}, section {sections}: {why}."


def counted(tests: Iterable[str], outcomes: Outcomes) -> str:
    """How many tests there are, and how many of them passed over all that there is."""
    different = set(tests)
    ways = sum(test in outcomes and outcomes[test].three_ways for test in different)
    said = "1 test" if len(different) == 1 else f"{len(different)} tests"
    if ways == len(different):
        return f"{said}{', all' if ways > 1 else ''} {THREE_WAYS}"
    return f"{said}, {ways} of them {THREE_WAYS}" if ways else said


def sections(rfc: int, others: Mapping[Section, list[str]], outcomes: Outcomes) -> Iterator[str]:
    """A table for each section of an RFC: its methods, what it demands of a server, what else holds.

    :param others: tests by their sections, of which the RFC's file says nothing.
    """
    whole = read(rfc)
    for section, title in whole.titles.items():
        rows = [*_demands(rfc, whole, section, outcomes)]
        rest = others.get(section, [])
        if rest:
            rows.append(f"| *what else the tests hold* | {cell(rfc, rest, outcomes)} |")
        if not rows:
            continue
        tests = [*whole.tests_of(section), *rest]
        yield f"\n### {dotted(section)}. {title}\n\n{counted(tests, outcomes)}\n"
        yield "| what must be | tests |\n|---|---|"
        yield from rows


def bound(rfc: int) -> Iterator[str]:
    """What an RFC demands of others than the server."""
    yield "\n### What others must\n\n| section | who | what must be |\n|---|---|---|"
    for one in read(rfc).musts:
        if one.binds:
            yield f"| {dotted(one.section)} | {one.binds} | {one.says} |"


def cell(rfc: int, tests: Iterable[str], outcomes: Outcomes) -> str:
    """Tests, each with what became of it."""
    return "<br>".join(_told(rfc, test) + outcomes.get(test, Outcome()).shown() for test in tests)


def _demands(rfc: int, whole: Demands, section: Section, outcomes: Outcomes) -> Iterator[str]:
    for method in whole.methods:
        if method.section == section:
            yield f"| *{method.name}* | {cell(rfc, method.tests, outcomes)} |"
    for one in whole.musts:
        if one.section == section and not one.binds:
            yield f"| {one.says} | {_holds(rfc, one, outcomes)} |"


def _holds(rfc: int, must: Must, outcomes: Outcomes) -> str:
    if must.tests:
        return cell(rfc, must.tests, outcomes)
    return f"*does not arise*: {must.moot}" if must.moot else f"**missing**: {must.lacks}"


def _is_held(must: Must, outcomes: Outcomes) -> bool:
    return bool(must.tests) and all(test in outcomes and outcomes[test].passed for test in must.tests)


def _told(rfc: int, test: str) -> str:
    name = Name.of(test)
    assert name is not None
    return name.says if name.rfc == rfc else f"{name.says} (RFC {name.rfc})"
