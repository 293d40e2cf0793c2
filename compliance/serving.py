"""A program of ours beside this one, while it is needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[list[str]]:
    """Start a module that prints the ports it listens on, and ends when its input does.

    :returns: the ports.
    :raises ChildProcessError: where it does not start; it has said why.
    """
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            ports = process.stdout.readline().split()
            if not ports:
                raise ChildProcessError(f"{module} does not start")
            yield ports
        finally:
            process.stdin.close()
