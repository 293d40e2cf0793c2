"""The Autobahn testsuite: installed, with the Python 2.7 that it is written for, and run.

Debian 12 has no Python 2.7. Debian 11's packages have, and are unpacked into a folder of ours: nothing of the system
changes. What is installed is named by its checksum or its version.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

PYTHON = {
    "pool/main/p/python2.7/python2.7-minimal_2.7.18-8+deb11u1_amd64.deb": (
        "44f0cdc1a343303d31c55fcb3a6402cfe326adf749ec30e375e6e0c0c5f7c1f7"
    ),
    "pool/main/p/python2.7/libpython2.7-minimal_2.7.18-8+deb11u1_amd64.deb": (
        "85833c92314011b89bbead6f9a5a7a360b5ee4f9b95e001225afead4ebf9f7d3"
    ),
    "pool/main/p/python2.7/libpython2.7-stdlib_2.7.18-8+deb11u1_amd64.deb": (
        "3e627d6d8992b853e000b8a4c09dda613fb767cdb711a2eac20ebc9f867b593c"
    ),
    "pool/main/o/openssl/libssl1.1_1.1.1w-0+deb11u1_amd64.deb": (
        "aadf8b4b197335645b230c2839b4517aa444fd2e8f434e5438c48a18857988f7"
    ),
    "pool/main/libf/libffi/libffi7_3.3-6_amd64.deb": (
        "30ca89bfddae5fa6e0a2a044f22b6e50cd17c4bc6bc850c579819aeab7101f0f"
    ),
}
"""Debian's packages with their SHA-256."""

HEADERS = {
    "pool/main/p/python2.7/libpython2.7-dev_2.7.18-8+deb11u1_amd64.deb": (
        "887034beb360069df8b519ad93893454ef3402415775a0466940fb73d6a8b8ca"
    ),
}
"""What a C compiler needs."""

REQUIREMENTS = Path(__file__).with_name("suite.txt")

ACCELERATOR = "wsaccel==0.6.6"
"""Makes the suite's masking and UTF-8 fast, where there is a compiler to build it."""

_APT_HELPER = Path("/usr/lib/apt/apt-helper")
_LIBRARIES = Path("usr/lib/x86_64-linux-gnu")


class NotInstalled(Exception):
    """The suite cannot be installed; the message says what is missing."""


@attrs.frozen
class Spec:
    """What is to be run.

    :param url: of the server.
    :param cases: patterns; what is left out of them by others.
    """

    url: str
    cases: Sequence[str]
    excluded: Sequence[str] = ()

    def as_json(self, out: Path) -> str:
        """The suite's own form of it.

        :param out: the folder for its reports.
        """
        server = {"agent": "jmapd", "url": self.url, "protocols": ["jmap"]}
        whole: dict[str, Any] = {"outdir": str(out), "servers": [server], "exclude-agent-cases": {}}
        return json.dumps({**whole, "cases": list(self.cases), "exclude-cases": list(self.excluded)})


@attrs.frozen
class Suite:
    """An installation.

    :param home: its folder.
    """

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are started with."""
        ours = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        root = self.home / "python"
        return {
            **ours,
            "LD_LIBRARY_PATH": str(root / _LIBRARIES),
            "C_INCLUDE_PATH": f"{root}/usr/include/python2.7:{root}/usr/include",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_PYTHON_VERSION_WARNING": "1",
        }

    @property
    def bin(self) -> Path:
        """The folder of its commands."""
        return self.home / "venv" / "bin"

    def run(self, spec: Spec, out: Path, timeout: float) -> None:
        """Run cases; the reports and a log are in a folder then.

        :param out: the folder, which is emptied first.
        :param timeout: seconds for all of it.
        """
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        (out / "spec.json").write_text(spec.as_json(out))
        wstest = [self.bin / "python", "-u", self.bin / "wstest"]
        command = [*map(str, wstest), "-m", "fuzzingclient", "-s", "spec.json"]
        with (out / "wstest.log").open("wb") as log:
            try:
                subprocess.run(
                    command, cwd=out, env=self.environment, stdout=log, stderr=subprocess.STDOUT, timeout=timeout
                )
            except subprocess.TimeoutExpired:
                log.write(f"\nended after {timeout:.0f} s\n".encode())


def installed(home: Path) -> Suite:
    """The suite, which is installed where it is not yet.

    :raises NotInstalled: where it cannot be.
    """
    suite, mark = Suite(home.resolve()), home / "installed"
    if not mark.exists() or mark.read_text() != _fingerprint():
        mark.unlink(missing_ok=True)
        _install(suite)
        mark.write_text(_fingerprint())
    return suite


def _fingerprint() -> str:
    """Changes with what is installed."""
    return hashlib.sha256(repr((PYTHON, HEADERS, ACCELERATOR, REQUIREMENTS.read_bytes())).encode()).hexdigest()


def _install(suite: Suite) -> None:
    has_compiler = shutil.which("gcc") is not None
    root, packages = suite.home / "python", suite.home / "packages"
    for folder in (root, suite.home / "venv"):
        shutil.rmtree(folder, ignore_errors=True)
    root.mkdir(parents=True)
    packages.mkdir(exist_ok=True)
    for path, checksum in (PYTHON | HEADERS if has_compiler else PYTHON).items():
        _run("unpack a package", ["dpkg-deb", "--extract", _fetched(path, checksum, packages), root])
    python = root / "usr" / "bin" / "python2.7"
    _run("start Python 2.7", [python, "-c", "import ctypes, hashlib, ssl, zlib"], suite)
    virtualenv = [sys.executable, "-m", "virtualenv", "--quiet", "--no-periodic-update"]
    _run(
        "make its environment (`tox -e autobahn` has the virtualenv for it)",
        [*virtualenv, "--python", python, suite.bin.parent],
        suite,
    )
    pip = [suite.bin / "python", "-m", "pip", "install", "--quiet", "--no-deps"]
    _run("install the suite", [*pip, "--requirement", REQUIREMENTS], suite)
    if has_compiler:
        try:
            _run("build its accelerator", [*pip, ACCELERATOR], suite)
        except NotInstalled as error:
            print(f"{error}\nwithout it the suite itself is slower", file=sys.stderr)
    _run("start the suite", [suite.bin / "python", suite.bin / "wstest", "--autobahnversion"], suite)


def _fetched(path: str, checksum: str, folder: Path) -> Path:
    """A package of Debian's, by the way that apt has to a mirror."""
    file = folder / path.rpartition("/")[2]
    if file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == checksum:
        return file
    failed = NotInstalled("apt's sources name no mirror of Debian")
    for mirror in _mirrors():
        url = f"{mirror.rstrip('/')}/{path}"
        try:
            _run(f"fetch {path}", [_APT_HELPER, "download-file", url, file, f"SHA256:{checksum}"])
        except NotInstalled as error:
            failed = error
        else:
            return file
    raise failed


def _mirrors() -> list[str]:
    """What this machine's apt takes Debian from."""
    if platform.machine() != "x86_64" or not _APT_HELPER.exists():
        raise NotInstalled("the suite's Python 2.7 is one for Debian on amd64, and this is something else")
    found = _run("ask apt for its mirrors", ["apt-get", "indextargets", "--format", "$(REPO_URI)"]).split()
    return [one for one in dict.fromkeys(found) if "debian" in one and "security" not in one]


def _run(what: str, command: Sequence[object], suite: Suite | None = None) -> str:
    """Run a command, of whose failure all is told."""
    words = [str(word) for word in command]
    environment = None if suite is None else suite.environment
    try:
        done = subprocess.run(words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise NotInstalled(f"could not {what}: {error}") from None
    if done.returncode:
        raise NotInstalled(f"could not {what}:\n{done.stdout.strip()}")
    return done.stdout
