"""docs/conformance.md: what the tests say of each section of the RFCs, made of their names and outcomes.

A test that is named ``test_rfc8620_5_3_an_update_…`` holds something that section 5.3 of RFC 8620 asks for. Which tests
hold what RFC 8620 and RFC 8621 demand is listed in ``tests/musts``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.musts import FILES, read, table
from tests.outcome import OVER, Name, Outcome

TITLES = {
    8620: "The JSON Meta Application Protocol (JMAP)",
    8621: "JMAP for Mail",
    8887: "JMAP over WebSocket",
    9404: "JMAP Blob Management Extension",
    9425: "JMAP for Quotas",
    9007: "Handling Message Disposition Notification with JMAP",
    6455: "The WebSocket Protocol",
    7692: "Compression Extensions for WebSocket",
    8441: "Bootstrapping WebSockets with HTTP/2",
    8291: "Message Encryption for Web Push",
    8307: "Well-Known URIs for the WebSocket Protocol",
    9113: "HTTP/2",
}
"""The RFCs that jmapd is there for, in the order of the tables."""

HEAD = """\
# Conformance

What the tests hold, by the sections of the RFCs; made by `tox run -e tests`, which fails where this file is not what it
would write. Where tests of methods run in this process, over HTTP and over a WebSocket, it is the same test each time.
The WebSocket protocol itself is held by the Autobahn testsuite beside these (`make autobahn`).

Of RFC 8620 and RFC 8621 each sentence with MUST, MUST NOT, REQUIRED or SHALL is listed, in our own words, with the tests
that hold it.
"""


class Conformance:
    """A plugin of pytest that hears of all outcomes.

    :param path: the file to write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[str, Outcome] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test has run."""
        if report.when != "call" and report.passed:
            return
        test, _, parameters = report.nodeid.rpartition("::")[2].partition("[")
        if Name.of(test) is None:
            return
        outcome = self._outcomes.setdefault(test, Outcome())
        over = next((name for name in OVER if parameters.startswith(name)), "")
        outcome.over[over] = outcome.over.get(over, True) and report.passed

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """All have run: write the file, and fail where it was another one."""
        text = self._text()
        if not self._path.exists() or self._path.read_text() != text:
            self._path.parent.mkdir(exist_ok=True)
            self._path.write_text(text)
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
            print(f"\n{self._path} was not what the tests say, and has been written anew")  # noqa: T201

    def _text(self) -> str:
        lines = [HEAD, *table.summary(self._outcomes)]
        for rfc, title in TITLES.items():
            others = self._others(rfc)
            if rfc in FILES:
                lines += [f"\n## RFC {rfc}: {title}", *table.demands(rfc, self._outcomes)]
                others = ["\n### What else the tests hold\n", *others] if others else []
            elif others:
                others = [f"\n## RFC {rfc}: {title}\n", *others]
            lines += others
        return "\n".join(lines) + "\n"

    def _others(self, rfc: int) -> list[str]:
        """The tests of an RFC, but for those that hold what it demands."""
        told = read(rfc).tests if rfc in FILES else set()
        tests = {test: name for test in self._outcomes if (name := Name.of(test)) and name.rfc == rfc}
        rows = [
            f"| {table.dotted(name.section)} | {name.says} | {self._outcomes[test].shown()} |"
            for test, name in sorted(tests.items(), key=lambda one: one[1])
            if test not in told
        ]
        return ["| section | what holds | |", "|---|---|---|", *rows] if rows else []
