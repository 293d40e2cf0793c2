"""docs/conformance.md: what the tests say of each section of the RFCs, made of their names and outcomes.

A test that is named ``test_rfc8620_5_3_an_update_…`` holds something that section 5.3 of RFC 8620 asks for.
"""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

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
"""The RFCs that jmapd is there for, in the order of the table."""

HEAD = """\
# Conformance

What the tests hold, by the sections of the RFCs; made by `tox run -e tests`, which fails where this file is not what it
would write. Where tests of methods run in this process, over HTTP and over a WebSocket, it is the same test each time.
The WebSocket protocol itself is held by the Autobahn testsuite beside these (`make autobahn`).

Not there yet: sending to other servers (RFC 8621 section 7: what goes there waits).
"""

_NAME = re.compile(r"test_rfc(\d+)_((?:\d+_)+)(\w+)")


@attrs.define
class Row:
    """A test.

    :param outcomes: whether it has passed, by what it ran over.
    """

    outcomes: dict[str, bool] = attrs.field(factory=dict)

    def shown(self) -> str:
        """What the table says of it."""
        named = [name for name in ("in process", "http", "websocket") if name in self.outcomes]
        if not all(self.outcomes.values()):
            failed = [name for name, passed in self.outcomes.items() if not passed and name]
            return "**fails**" + (f" ({', '.join(failed)})" if failed else "")
        shown = {"in process": "in process", "http": "HTTP", "websocket": "WebSocket"}
        return f"passes ({', '.join(shown[name] for name in named)})" if named else "passes"


class Conformance:
    """A plugin of pytest that hears of all outcomes.

    :param path: the file to write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[tuple[int, tuple[int, ...], str], Row] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test has run."""
        if report.when != "call" and report.passed:
            return
        match = _NAME.match(report.nodeid.rpartition("::")[2])
        if match is None or int(match[1]) not in TITLES:
            return
        section = tuple(int(number) for number in match[2].strip("_").split("_"))
        row = self._rows.setdefault((int(match[1]), section, match[3].replace("_", " ")), Row())
        parameters = report.nodeid.partition("[")[2]
        over = next((name for name in ("in process", "http", "websocket") if parameters.startswith(name)), "")
        row.outcomes[over] = row.outcomes.get(over, True) and report.passed

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """All have run: write the file, and fail where it was another one."""
        text = self._text()
        if not self._path.exists() or self._path.read_text() != text:
            self._path.parent.mkdir(exist_ok=True)
            self._path.write_text(text)
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
            print(f"\n{self._path} was not what the tests say, and has been written anew")  # noqa: T201

    def _text(self) -> str:
        lines = [HEAD]
        for rfc, title in TITLES.items():
            of_rfc = [(section, said, row) for (of, section, said), row in self._rows.items() if of == rfc]
            rows = sorted(of_rfc, key=lambda one: one[:2])
            if rows:
                lines += [f"\n## RFC {rfc}: {title}\n", "| section | what holds | |", "|---|---|---|"]
                lines += [f"| {'.'.join(map(str, section))} | {said} | {row.shown()} |" for section, said, row in rows]
        return "\n".join(lines) + "\n"
