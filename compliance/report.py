"""The suite's verdicts, counted."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs


class Verdict(StrEnum):
    """What the suite thinks of a case."""

    OK = "ok"
    NON_STRICT = "non-strict"
    INFORMATIONAL = "informational"
    """RFC 6455 leaves open what is right."""
    UNIMPLEMENTED = "unimplemented"
    FAILED = "failed"


GOOD = frozenset({Verdict.OK, Verdict.INFORMATIONAL})

_BY_NAME = {
    "OK": Verdict.OK,
    "NON-STRICT": Verdict.NON_STRICT,
    "INFORMATIONAL": Verdict.INFORMATIONAL,
    "UNIMPLEMENTED": Verdict.UNIMPLEMENTED,
}
_FROM_GOOD_TO_BAD = tuple(Verdict)
_DAY = 86_400_000
_ASKED = re.compile(rb"will run (\d+) test cases")


@attrs.frozen
class Case:
    """One of them.

    :param id: such as ``9.3.1``.
    :param detail: what the suite says of it.
    :param seconds: that it took.
    """

    id: str
    verdict: Verdict
    detail: str = ""
    seconds: float = 0.0

    @property
    def group(self) -> int:
        """The number in front."""
        return int(self.id.partition(".")[0])


@attrs.frozen
class Report:
    """What has come of a run.

    :param asked: how many cases were to be run.
    """

    cases: tuple[Case, ...]
    asked: int

    @property
    def passed(self) -> bool:
        """Whether every case that was asked for has a verdict, and a good one."""
        return 0 < self.asked == len(self.cases) and all(case.verdict in GOOD for case in self.cases)

    @property
    def counts(self) -> Counter[Verdict]:
        """How many cases have each verdict; those without one have failed."""
        counts = Counter(case.verdict for case in self.cases)
        counts[Verdict.FAILED] += self.asked - len(self.cases)
        return counts

    def lines(self) -> Iterator[str]:
        """A table by groups, and the cases that are not good."""
        yield f"{'group':>8}" + "".join(f"{verdict:>15}" for verdict in Verdict) + f"{'seconds':>10}"
        for group in sorted({case.group for case in self.cases}):
            yield _row(str(group), [case for case in self.cases if case.group == group])
        yield _row("all", self.cases, self.counts)
        if len(self.cases) != self.asked:
            yield f"{self.asked - len(self.cases)} of {self.asked} cases have no verdict"
        for case in self.cases:
            if case.verdict not in GOOD:
                yield f"{case.id}: {case.verdict}: {case.detail}"


def _row(name: str, cases: Any, counts: Counter[Verdict] | None = None) -> str:
    counts = counts or Counter(case.verdict for case in cases)
    seconds = sum(case.seconds for case in cases)
    return f"{name:>8}" + "".join(f"{counts[verdict]:>15}" for verdict in Verdict) + f"{seconds:>10.1f}"


def read(folder: Path) -> Report:
    """What the suite has left in its folder."""
    asked = _ASKED.search((folder / "wstest.log").read_bytes())
    index = folder / "index.json"
    found = json.loads(index.read_bytes()) if index.exists() else {}
    cases = [_case(id, each) for agent in found.values() for id, each in agent.items()]
    cases.sort(key=lambda case: [int(number) for number in case.id.split(".")])
    return Report(tuple(cases), int(asked[1]) if asked else 0)


def _case(id: str, told: dict[str, Any]) -> Case:
    """The worse of its two verdicts: on the case, and on the way in which the connection was closed."""
    case, close = (_BY_NAME.get(told[key], Verdict.FAILED) for key in ("behavior", "behaviorClose"))
    if close is Verdict.INFORMATIONAL:
        # how it is closed is not judged
        close = Verdict.OK
    verdict = max(case, close, key=_FROM_GOOD_TO_BAD.index)
    detail = f"{told['behavior']}, closed {told['behaviorClose']} with {told.get('remoteCloseCode')}"
    milliseconds = told.get("duration") or 0
    # where there was no handshake the suite takes the time since 1970
    return Case(id, verdict, detail, milliseconds / 1000 if milliseconds < _DAY else 0.0)
