"""A disk so small that it can be filled, which only the processes see that are started on it."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

_HOLD = 'mount -t tmpfs -o size="$1",mode=0700 jmapd-test "$2" && echo mounted && exec cat'


class Disk:
    """A tmpfs in a mount namespace of its own, kept by a process that waits.

    :param mountpoint: where it is seen there.
    :param size: such as ``16M``.
    """

    def __init__(self, mountpoint: Path, size: str) -> None:
        mountpoint.mkdir()
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        self._keeper = subprocess.Popen(
            ["unshare", *user, "--mount", "sh", "-c", _HOLD, "sh", size, str(mountpoint)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._keeper.stdout is not None
        said = self._keeper.stdout.readline()
        if said != "mounted\n":
            self.close()
            cannot(f"no file system can be mounted: {said.strip()}")
        target = ["--target", str(self._keeper.pid), "--mount", f"--wd={mountpoint.parent}"]
        credentials = ["--user", "--preserve-credentials"] if user else []
        self.within = ["nsenter", *credentials, *target]
        """What runs a command where the disk is."""
        self.path = Path(f"/proc/{self._keeper.pid}/root{mountpoint}")
        """Where it is seen from here."""

    def fill(self) -> None:
        """Take all that is left of it."""
        with (self.path / "ballast").open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))
        assert shutil.disk_usage(self.path).free == 0

    def free(self) -> None:
        """Give that back."""
        (self.path / "ballast").unlink()

    def close(self) -> None:
        """Let it go."""
        self._keeper.kill()
        self._keeper.wait()


def cannot(why: str) -> None:
    """Say aloud that a test cannot be run here; where all of them must, that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(f"NOT TESTED: {why}")
