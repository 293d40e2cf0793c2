"""The lock of a data directory: one server, or one `jmapctl` without a server, at a time."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

NAME = "lock"

_RETRY = 0.05


class Locked(Exception):
    """Somebody else has the data directory."""


def leave_to_owner(data_dir: Path, *paths: Path) -> None:
    """Give what root has made in a data directory to whom that belongs."""
    if os.geteuid() == 0:
        owner = data_dir.stat()
        for path in paths:
            os.chown(path, owner.st_uid, owner.st_gid)


def take(data_dir: Path, patience: float = 0.0) -> int:
    """Take the lock.

    :param data_dir: made if it is missing, for its owner alone.
    :param patience: seconds to wait for it; nothing else goes on meanwhile.
    :returns: the descriptor that holds it, inheritable on purpose: while the writer lives, nobody else may write,
        even if the front has died before it.
    :raises Locked: where somebody else has it.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(data_dir / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    leave_to_owner(data_dir, data_dir / NAME)
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(descriptor)
                raise Locked(f"another server or jmapctl is using {data_dir}; stop it first") from None
            time.sleep(_RETRY)
        else:
            return descriptor
