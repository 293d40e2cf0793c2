"""`jmapctl` on a data directory of its own, without a server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import attrs


@attrs.frozen
class Installation:
    """A configuration with a data directory of its own."""

    folder: Path

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "jmapd.ctl", "--config", str(self.folder / "jmapd.toml")]

    def run(self, *arguments: str, says: str = "", status: int = 0) -> str:
        done = subprocess.run([*self.command, *arguments], input=says, text=True, capture_output=True, timeout=60)
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stdout + done.stderr


def installation(folder: Path) -> Installation:
    """One of a server at example.org, with nothing in it yet."""
    (folder / "jmapd.toml").write_text(f'[server]\nhostname = "example.org"\ndata-dir = "{folder}/data"\n')
    return Installation(folder)


def add_anna(here: Installation) -> None:
    """Give it an account."""
    here.run("account", "add", "anna", "--password-stdin", says="secret\n")
