"""How the Autobahn testsuite's verdicts are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compliance.report import Report, Verdict, read


def left(folder: Path, asked: int, **verdicts: tuple[str, str]) -> Report:
    """What is read where the suite has left these verdicts."""
    cases: dict[str, dict[str, Any]] = {
        name[1:].replace("_", "."): {
            "behavior": case,
            "behaviorClose": close,
            "duration": 1500,
            "remoteCloseCode": 1000,
        }
        for name, (case, close) in verdicts.items()
    }
    (folder / "wstest.log").write_text(f"Ok, will run {asked} test cases against 1 servers\n")
    if cases:
        (folder / "index.json").write_text(json.dumps({"jmapd": cases}))
    return read(folder)


@pytest.mark.parametrize(
    ("case", "close", "verdict", "passes"),
    [
        ("OK", "OK", Verdict.OK, True),
        ("OK", "INFORMATIONAL", Verdict.OK, True),
        ("INFORMATIONAL", "INFORMATIONAL", Verdict.INFORMATIONAL, True),
        ("NON-STRICT", "OK", Verdict.NON_STRICT, False),
        ("OK", "NON-STRICT", Verdict.NON_STRICT, False),
        ("UNIMPLEMENTED", "OK", Verdict.UNIMPLEMENTED, False),
        ("FAILED", "OK", Verdict.FAILED, False),
        ("OK", "UNCLEAN", Verdict.FAILED, False),
        ("OK", "WRONG CODE", Verdict.FAILED, False),
        ("NON-STRICT", "FAILED BY CLIENT", Verdict.FAILED, False),
    ],
)
def test_the_worse_verdict_of_a_case_and_its_close_counts(
    case: str, close: str, verdict: Verdict, passes: bool, tmp_path: Path
) -> None:
    report = left(tmp_path, 1, _1_1_1=(case, close))
    assert [one.verdict for one in report.cases] == [verdict]
    assert report.passed is passes


def test_a_case_without_a_verdict_has_failed(tmp_path: Path) -> None:
    report = left(tmp_path, 3, _10_1_1=("OK", "OK"), _9_1_1=("OK", "OK"))
    assert not report.passed
    assert report.counts == {Verdict.OK: 2, Verdict.FAILED: 1}
    assert [case.id for case in report.cases] == ["9.1.1", "10.1.1"]
    assert "1 of 3 cases have no verdict" in list(report.lines())


def test_a_run_that_was_none_does_not_pass(tmp_path: Path) -> None:
    assert not left(tmp_path, 5).passed
    (tmp_path / "wstest.log").write_text("")
    assert not read(tmp_path).passed
