"""Run the Autobahn testsuite against jmapd's WebSockets.

Exit status: 0 where every case passes, 1 where one does not, 2 where the suite cannot be installed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from compliance.echo import PATH
from compliance.report import Report, read
from compliance.serving import ROOT, serving
from compliance.suite import NotInstalled, Spec, Suite, installed

HOME = ROOT / ".tox" / "wstest"

TRANSPORTS = ("ws", "wss", "http2")

QUICK = (
    *(f"{group}.*" for group in (1, 2, 3, 4, 5, 6, 7, 10)),
    *(f"9.{kind}.{size}" for kind in range(1, 9) for size in (1, 2, 3)),
    *(f"12.{data}.{size}" for data in range(1, 6) for size in (1, 6)),
    *(f"13.{offer}.{size}" for offer in range(1, 8) for size in (1, 6)),
)
"""All but what takes long."""

TIMEOUT = 3600.0
"""Seconds for the cases of one transport."""


def main() -> int:
    """Do what the command line says."""
    arguments = _arguments()
    cases = QUICK if arguments.quick else tuple(arguments.cases)
    try:
        suite = installed(arguments.home)
    except NotInstalled as error:
        print(f"The Autobahn testsuite cannot be installed: {error}", file=sys.stderr)
        return 2
    good = True
    for transport in arguments.transports or TRANSPORTS:
        started = time.monotonic()
        report = _run(suite, transport, cases, arguments)
        print(f"\n{transport}, {time.monotonic() - started:.0f} s; {arguments.home / 'reports' / transport}")
        print(*report.lines(), sep="\n", flush=True)
        good = good and report.passed
    return 0 if good else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compliance", description=__doc__)
    parser.add_argument(
        "transports", nargs="*", metavar="TRANSPORT", help=f"{', '.join(TRANSPORTS)}; all, if none is named"
    )
    parser.add_argument("--cases", nargs="+", default=["*"], metavar="PATTERN", help='such as "9.*"')
    parser.add_argument("--exclude", nargs="+", default=[], metavar="PATTERN")
    parser.add_argument("--quick", action="store_true", help="all cases but those that take long")
    parser.add_argument("--takeover", action="store_true", help="keep the window between messages, and compress all")
    parser.add_argument("--home", type=Path, default=HOME, help="where the suite is installed (%(default)s)")
    arguments = parser.parse_args()
    if unknown := set(arguments.transports) - set(TRANSPORTS):
        parser.error(f"there is no transport {', '.join(sorted(unknown))}")
    return arguments


def _run(suite: Suite, transport: str, cases: Sequence[str], arguments: argparse.Namespace) -> Report:
    out = arguments.home.resolve() / "reports" / transport
    takeover = ["--takeover"] if arguments.takeover else []
    with serving("compliance.echo", *takeover) as (plain, secure):
        if transport == "http2":
            with serving("compliance.bridge", secure) as (bridge,):
                suite.run(Spec(_url("ws", bridge), cases, arguments.exclude), out, TIMEOUT)
        else:
            port = secure if transport == "wss" else plain
            suite.run(Spec(_url(transport, port), cases, arguments.exclude), out, TIMEOUT)
    return read(out)


def _url(scheme: str, port: str) -> str:
    return f"{scheme}://127.0.0.1:{port}{PATH}"


if __name__ == "__main__":
    sys.exit(main())
