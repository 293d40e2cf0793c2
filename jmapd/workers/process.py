"""A worker process: plain, synchronous Python at the end of a channel.

It is started as ``python -m jmapd.workers.process SETTINGS DESCRIPTOR``, the second being its channel's; it ignores the signals that are meant for the front, and
ends when the channel does or its parent dies.
"""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from jmapd.store.migrations import Newer, Unopenable
from jmapd.store.store import Store, open_store
from jmapd.workers.link import Link
from jmapd.workers.reader import Reader
from jmapd.workers.settings import WorkerSettings
from jmapd.workers.writer import Writer

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Be a worker until the channel ends."""
    settings = WorkerSettings.of_json(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _die_with_parent()
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
    # what Alembic looks at is of interest when something goes wrong only
    logging.getLogger("alembic").setLevel(logging.WARNING)
    link = Link(socket.socket(fileno=int(sys.argv[2])))
    store = _opened(settings, link)
    if settings.memory:
        resource.setrlimit(resource.RLIMIT_DATA, (settings.memory, settings.memory))
    worker = Writer.open(store, settings, link) if settings.writer else Reader.open(store, settings, link)
    # the front may be gone before it has heard the last word: there is no reader then, or what it had not read is lost
    with suppress(BrokenPipeError, ConnectionResetError):
        worker.serve()
    store.database.close()


def _opened(settings: WorkerSettings, link: Link) -> Store:
    """The store; whoever is at the other end hears that it is migrated, or why it cannot be opened."""
    try:
        return open_store(
            settings.database,
            Path(settings.data_dir),
            writable=settings.writer,
            migrating=lambda line: link.tell({"migrating": line}),
        )
    except Unopenable as error:
        link.tell({"unopenable": str(error), "lasting": isinstance(error, Newer)})
        sys.exit(1)


def _die_with_parent() -> None:
    """A worker must not outlive the front, even one that is killed while this worker is busy."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main()
