"""What is known of the writer's batches, so that its death loses nothing and does nothing twice."""

from __future__ import annotations

import attrs

from jmapd.protocol.errors import RequestError
from jmapd.protocol.subprotocol import Binding, render_error
from jmapd.workers.answers import OperationRefused
from jmapd.workers.turns import Job


@attrs.define(eq=False)
class Batches:
    """The jobs that the writer has been given, and the batch that each was in when it was about to commit.

    :param suspects: jobs over which a writer may have ended; while there are some, each is done alone.
    """

    suspects: set[Job] = attrs.field(factory=set)
    _batch: dict[Job, int] = attrs.field(factory=dict)
    _orphans: list[Job] = attrs.field(factory=list)

    def begun(self, batch: int, jobs: list[Job]) -> None:
        """The writer is about to commit a batch of these jobs."""
        for job in jobs:
            self._batch[job] = batch

    def answered(self, job: Job) -> None:
        """A job has been answered, so nobody needs to know more of it."""
        self._batch.pop(job, None)
        self.suspects.discard(job)

    def writer_ended(self, jobs: list[Job]) -> None:
        """The writer has ended without answering these jobs."""
        self._orphans.extend(jobs)

    def recovered(self, committed: int) -> tuple[list[Job], list[Job]]:
        """A new writer knows which batch was committed last.

        :returns: the jobs that are done, though unanswered, and those that have done nothing.
        """
        orphans, self._orphans = self._orphans, []
        done = [job for job in orphans if self._batch.get(job, committed + 1) <= committed]
        again = [job for job in orphans if self._batch.get(job, committed + 1) > committed]
        self._batch.clear()
        self.suspects.difference_update(done)
        for job in again:
            # whose turn it was is not known; alone it will be
            job.attempts += len(again) == 1
        self.suspects.update(again)
        return done, again


def in_doubt(binding: str) -> bytes:
    """The RequestError of a Request that was committed, but whose answer is lost: it claims nothing."""
    error = RequestError(None, "The server lost the answer to this request; it may have been done.", status=500)
    return render_error(error, Binding(binding))


def lost() -> OperationRefused:
    """The same for an operation."""
    return OperationRefused("inDoubt", "The server lost the answer; it may have been done.")
