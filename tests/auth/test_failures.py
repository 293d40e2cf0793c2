"""The lines about failed logins: quoted, without secrets, and not too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher

from jmapd.auth.failures import MAX_LINES, PERIOD, Failures


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []

    def keep(event: Any) -> None:
        if event["log_namespace"] == "jmapd.auth.failures":
            assert event["log_level"].name == "info"
            found.append(formatEvent(event))

    observer: Any = keep
    globalLogPublisher.addObserver(observer)
    yield found
    globalLogPublisher.removeObserver(observer)


def test_a_name_cannot_be_a_line_of_its_own(lines: list[str]) -> None:
    Failures(Clock()).tell("anna\nlogin failed: 'ben' from ::1" + "x" * 200, "192.0.2.1")
    (line,) = lines
    assert "\n" not in line
    assert len(line) < 200


def test_lines_are_bounded_and_the_rest_is_counted(lines: list[str]) -> None:
    clock = Clock()
    failures = Failures(clock)
    for _ in range(MAX_LINES + 7):
        failures.tell("anna", "")
    assert lines == ["login failed: 'anna' from a local socket"] * MAX_LINES
    clock.advance(PERIOD)
    failures.tell("anna", "192.0.2.1")
    assert lines[MAX_LINES:] == ["7 more logins failed before", "login failed: 'anna' from 192.0.2.1"]


def test_who_is_disabled_is_said_to_be(lines: list[str]) -> None:
    Failures(Clock()).tell("anna", "192.0.2.1", disabled=True)
    assert lines == ["login failed: 'anna' from 192.0.2.1 (the account is disabled)"]
