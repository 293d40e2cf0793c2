"""What a server's processes use, as the kernel counts it (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@attrs.frozen
class Used:
    """Seconds of CPU time.

    :param front: of the process itself.
    :param others: of those that it has started.
    """

    front: float
    others: float

    def __sub__(self, before: Used) -> Used:
        return Used(self.front - before.front, self.others - before.others)

    @property
    def all(self) -> float:
        """Of them together."""
        return self.front + self.others


def cpu(pid: int) -> Used:
    """What a process and its children have used so far."""
    return Used(_seconds(pid), sum(_seconds(child) for child in _children(pid)))


def resident(pid: int) -> int:
    """The octets of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found]
