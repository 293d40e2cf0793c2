"""docs/conformance.md: what the tests say of each section of the RFCs, made of their names and outcomes.

A test that is named ``test_rfc8620_5_3_an_update_…`` holds something that section 5.3 of RFC 8620 asks for. Which tests
hold what RFC 8620 and RFC 8621 demand is listed in ``tests/musts``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import offered
from tests.musts import FILES, Section, read, table
from tests.outcome import OVER, THREE_WAYS, Name, Outcome

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

What jmapd offers, what of it is limited or not done, and what the tests hold of each section of the RFCs.

## What there is, and what is not

Numbers are those without a configuration; the Session and [settings](reference/settings.md) have those of a server.
"""

HELD = f"""
No other extension of JMAP is there: no sharing (RFC 9670), Sieve (RFC 9661), S/MIME (RFC 9219), contacts or calendars.
Where a capability is not in `using`, its methods are `unknownMethod`.

## What the tests hold

The rest of this page is made by `tox run -e tests`, which fails where the file is not what it would write. Of RFC 8620
and RFC 8621 each sentence with MUST, MUST NOT, REQUIRED or SHALL is listed, in our own words, with the tests that hold
it; of the other RFCs there are the tests alone. How to read it:

- A test is called by its name in the code, and has passed unless **bold** words say otherwise.
- {THREE_WAYS} behind it: the very same test passed three times, in its own process, over HTTP and over a WebSocket. All
  others run one way: they look at one part of the server or at its transport, or have a server of their own.
- A section that is not here demands nothing of a server in these words, and no test is about it alone.
- The WebSocket protocol itself is held by the Autobahn testsuite beside these (`make autobahn`).
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
        first = parameters.removesuffix("]").partition("-")[0]
        over = first if first in OVER else ""
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
        lines = [HEAD, *offered.tables(), HELD, *table.summary(self._outcomes)]
        for rfc, title in TITLES.items():
            others = self._others(rfc)
            told = read(rfc).tests if rfc in FILES else set()
            tests = told.union(*others.values())
            if not tests:
                continue
            lines.append(f"\n## RFC {rfc}: {title}\n\n{table.counted(tests, self._outcomes)}")
            if rfc in FILES:
                lines += [*table.sections(rfc, others, self._outcomes), *table.bound(rfc)]
            else:
                lines.append("\n| section | what holds |\n|---|---|")
                lines += [
                    f"| {table.dotted(section)} | {table.cell(rfc, tests, self._outcomes)} |"
                    for section, tests in others.items()
                ]
        return "\n".join(lines) + "\n"

    def _others(self, rfc: int) -> dict[Section, list[str]]:
        """The tests of an RFC by section, but for those that hold what it demands."""
        told = read(rfc).tests if rfc in FILES else set()
        named = sorted((name, test) for test in self._outcomes.keys() - told if (name := Name.of(test)))
        found: dict[Section, list[str]] = {}
        for name, test in named:
            if name.rfc == rfc:
                found.setdefault(name.section, []).append(test)
        return found
