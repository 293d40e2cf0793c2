"""What is known after the writer's death: nothing is lost, nothing is done twice."""

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.internet.defer import Deferred

from jmapd.workers.recovery import Batches
from jmapd.workers.turns import Job


@attrs.define
class Disk:
    """What a real writer would have committed: how often each job, and the batch's number."""

    done: dict[Job, int] = attrs.field(factory=dict)
    batch: int = 0


class Writer(RuleBasedStateMachine):
    """A writer that may die at any moment, and the front that must find out what has been done."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = Batches()
        self.disk = Disk()
        self.sent: list[Job] = []
        self.unanswered: list[Job] = []
        self.answered: dict[Job, str] = {}

    @rule(count=st.integers(1, 4))
    def give(self, count: int) -> None:
        self.sent += [Job("request", {}, b"", Deferred()) for _ in range(count)]

    @rule(take=st.integers(1, 5), dies=st.sampled_from(["before the notice", "before the commit", "after it", "never"]))
    def batch(self, take: int, dies: str) -> None:
        jobs = self.sent[:take]
        if not jobs:
            return
        if dies != "before the notice":
            self.batches.begun(self.disk.batch + 1, jobs)
        if dies in ("after it", "never"):
            self.disk.batch += 1
            for job in jobs:
                self.disk.done[job] = self.disk.done.get(job, 0) + 1
        if dies == "never":
            for job in jobs:
                self.batches.answered(job)
                self.answered[job] = "answered"
                self.sent.remove(job)
            return
        self.batches.writer_ended(self.sent)
        done, self.sent = self.batches.recovered(self.disk.batch)
        self.answered.update(dict.fromkeys(done, "in doubt"))

    @invariant()
    def nothing_is_done_twice(self) -> None:
        assert all(times == 1 for times in self.disk.done.values())

    @invariant()
    def what_is_done_is_answered_and_what_is_not_waits(self) -> None:
        assert set(self.disk.done) == set(self.answered)
        assert not set(self.sent) & set(self.disk.done)


TestWriter = Writer.TestCase
TestWriter.settings = settings(max_examples=200, deadline=None)


def test_a_job_over_which_writers_end_alone_is_counted() -> None:
    batches = Batches()
    first, second = (Job("request", {}, b"", Deferred()) for _ in range(2))
    batches.writer_ended([first, second])
    _, again = batches.recovered(0)
    assert [job.attempts for job in again] == [0, 0]
    assert batches.suspects == {first, second}
    batches.writer_ended([first])
    batches.recovered(0)
    assert first.attempts == 1
    batches.answered(second)
    assert batches.suspects == {first}
