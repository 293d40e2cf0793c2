"""What the crew of workers and who gives it its jobs have to say to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from jmapd.workers.channel import Frame
from jmapd.workers.turns import Job
from jmapd.workers.worker import Worker


@attrs.frozen
class Concerned:
    """Users whom something done concerns, whatever they listen to.

    :param credentials: of theirs that are others or gone: of whom, and which one; ``None`` for all of theirs.
    :param accesses: those who may see other accounts now.
    :param push_subscriptions: those whose PushSubscriptions are others now.
    """

    credentials: Sequence[tuple[int, str | None]] = ()
    accesses: Sequence[int] = ()
    push_subscriptions: Sequence[int] = ()

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Concerned:
        """What a worker's frame says of them."""
        return cls(said.get("credentials", ()), said.get("accesses", ()), said.get("push_subscriptions", ()))


class Employer(Protocol):
    """Gives the crew its jobs, and hears of them."""

    def answered(self, worker: Worker, job: Job, frame: Frame) -> None:
        """A job has been answered."""

    def batch_begun(self, batch: int, jobs: list[Job], concerned: Concerned) -> None:
        """The writer is about to commit a batch of these jobs, which concerns these users."""

    def writer_ready(self, committed: int) -> None:
        """A new writer can be given jobs, and says which batch was committed last."""

    def writer_ended(self, jobs: list[Job]) -> None:
        """The writer has ended without answering these jobs."""

    def taken_back(self, jobs: list[Job]) -> None:
        """A reader has not answered these jobs, and is not going to."""

    def reader_ready(self) -> None:
        """A reader can be given jobs."""
