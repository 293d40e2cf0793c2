"""Workers that know old settings give way to others that know the new ones, and no Request notices.

New readers start while the old ones go on; when they are ready, the old ones end as soon as they have done what they
were given. So does the writer, and only when it has ended is there another, for there is never more than one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from twisted.internet.defer import Deferred

from jmapd.workers.worker import Worker


class Renewal:
    """Which workers are to give way, and which of them are on their way out."""

    def __init__(self) -> None:
        self._old: set[Worker] = set()
        self._leaving: set[Worker] = set()
        self._done: Deferred[None] | None = None

    @property
    def under_way(self) -> bool:
        """Whether there is one."""
        return self._done is not None

    @property
    def leaving(self) -> Collection[Worker]:
        """Those that are given nothing more."""
        return self._leaving

    def begin(self, workers: Iterable[Worker]) -> Deferred[None]:
        """These know old settings; fires when none of them is left."""
        self._old.update(workers)
        self._done = self._done or Deferred()
        return self._done

    def fresh(self, workers: Iterable[Worker]) -> list[Worker]:
        """Those that know the new settings."""
        return [one for one in workers if one not in self._old]

    def dismiss(self, worker: Worker) -> None:
        """A worker is given nothing more, and ends when it has answered what it was given."""
        self._leaving.add(worker)
        self.answered(worker)

    def answered(self, worker: Worker) -> None:
        """A worker has answered a job; if it was the last one before it leaves, it ends."""
        if worker in self._leaving and not worker.jobs:
            worker.finish()

    def ended(self, worker: Worker) -> bool:
        """A worker has ended; whether it was to."""
        self._old.discard(worker)
        if worker not in self._leaving:
            return False
        self._leaving.remove(worker)
        return True

    def settle(self) -> None:
        """All workers that there should be are ready: where no old one is left, the renewal is done."""
        if self._done is not None and not self._old:
            done, self._done = self._done, None
            done.callback(None)
