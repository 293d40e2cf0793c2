"""The lock of a data directory: one server, or one `jmapctl` without a server, at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

NAME = "lock"


class Locked(Exception):
    """Somebody else has the data directory."""


def take(data_dir: Path) -> int:
    """Take the lock.

    :param data_dir: made if it is missing, for its owner alone.
    :returns: the descriptor that holds it, inheritable on purpose: while the writer lives, nobody else may write,
        even if the front has died before it.
    :raises Locked: where somebody else has it.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(data_dir / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Locked(f"another server or jmapctl is using {data_dir}") from None
    return descriptor
