"""The worker processes themselves: started in their order, watched, and replaced when they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from jmapd.observe.metrics import Metrics
from jmapd.workers.channel import Frame
from jmapd.workers.employer import Concerned, Employer
from jmapd.workers.renewal import Renewal
from jmapd.workers.settings import WorkerSettings
from jmapd.workers.turns import SLOW, Job
from jmapd.workers.worker import DEADLINE, Worker

AHEAD = 2
"""Jobs that a reader is given at a time: the next one is there when it has done the first."""

WATCH = SLOW
"""Seconds between two looks at what the workers are doing."""

MAX_ATTEMPTS = 2
"""How many workers may end over a job before it is given up."""

STARTING = 60.0
"""Seconds that a reader may take to be ready, whatever the hard deadline is: a busy machine starts it slowly."""

RESPAWN = 0.2
"""Seconds before a worker is replaced that ended before it was ready; longer each time."""


_log = Logger()


class Unopenable(Exception):
    """The store cannot be worked with; the message is one line for a person.

    :ivar lasting: whether another attempt will find it so.
    """

    def __init__(self, line: str, *, lasting: bool) -> None:
        super().__init__(line)
        self.lasting = lasting


class Crew(Service):
    """The readers and the writer.

    The writer is started first, alone, for it may have to migrate the store; the readers follow when it is ready.

    :param reactor: starts processes and tells the time.
    :param settings: what the workers are told, but for which of them is the writer.
    :param count: how many readers there are.
    :param hard_deadline: seconds after which a worker that answers nothing is killed.
    """

    def __init__(
        self,
        reactor: Any,
        settings: WorkerSettings,
        count: int,
        hard_deadline: float,
        employer: Employer,
        metrics: Metrics,
    ) -> None:
        self._reactor = reactor
        self.settings = settings
        self._count = count
        self._hard_deadline = hard_deadline
        self._employer = employer
        self._metrics = metrics
        self._ready: list[Deferred[None]] = []
        self._ended: dict[Worker, Deferred[None]] = {}
        self._failures = 0
        self._renewal = Renewal()
        self._watch = LoopingCall(self._look)
        self._watch.clock = reactor
        self.readers: list[Worker] = []
        self.writer: Worker | None = None
        self.lock: int | None = None
        """The descriptor that holds the data directory's lock; the writer gets a copy."""
        self.on_migrating: Callable[[str], None] = lambda line: None
        """Called with one line when the writer begins to migrate the store."""

    def startService(self) -> None:
        """Start the writer, and when it is ready the readers."""
        super().startService()
        self._start_writer()
        self._watch.start(WATCH, now=False)

    def stopService(self) -> Deferred[Any]:
        """Let the workers end when they have done what they were given; fires when they have."""
        super().stopService()
        if self._watch.running:
            self._watch.stop()
        for worker in self._all():
            self._ended[worker] = Deferred()
            worker.finish()
        done = DeferredList(list(self._ended.values()))
        timer = self._reactor.callLater(self._hard_deadline, self._kill_all)

        def finished(result: Any) -> Any:
            if timer.active():
                timer.cancel()
            return result

        return done.addBoth(finished)

    def renew(self, settings: WorkerSettings, count: int, hard_deadline: float) -> Deferred[None]:
        """Have other settings be in force; fires when no worker is left that knows those before."""
        same = (settings, count) == (self.settings, self._count)
        self.settings, self._count, self._hard_deadline = settings, count, hard_deadline
        if same or not self.running:
            return succeed(None)
        done = self._renewal.begin(self._all())
        self._start_readers()
        return done

    def ready(self) -> Deferred[None]:
        """Fires when the writer and a reader can be asked; fails with `Unopenable` where they never will."""
        if self.is_ready:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._ready.append(waiting)
        return waiting

    def ready_writer(self) -> Worker | None:
        """The writer, if it can be given jobs."""
        writer = self.writer
        return writer if writer is not None and writer.ready and writer not in self._renewal.leaving else None

    def free_readers(self) -> list[Worker]:
        """The readers that can be given a job, those that do nothing first."""
        free = [worker for worker in self.readers if worker.ready and len(worker.jobs) < AHEAD]
        return sorted(free, key=lambda worker: len(worker.jobs))

    @property
    def is_ready(self) -> bool:
        """Whether the writer and a reader can be asked now; while the writer is renewed, writes wait for a moment."""
        writes = self.ready_writer() is not None or self._renewal.under_way
        return writes and any(one.ready for one in self.readers)

    def _all(self) -> list[Worker]:
        writer = [] if self.writer is None else [self.writer]
        return list(dict.fromkeys([*self.readers, *writer, *self._renewal.leaving]))

    def _start_writer(self) -> None:
        if self.running and self.writer is None:
            self.writer = self._new_worker()
            self._start(self.writer, attrs.evolve(self.settings, writer=True), self.lock)

    def _start_readers(self) -> None:
        """Start the readers that are missing."""
        if not self.running or self.ready_writer() is None:
            return
        for _ in range(self._count - len(self._renewal.fresh(self.readers))):
            worker = self._new_worker()
            self.readers.append(worker)
            self._start(worker, self.settings, None)

    def _start(self, worker: Worker, settings: WorkerSettings, lock: int | None) -> None:
        try:
            worker.start(settings, lock)
        except OSError as error:
            # no descriptor is left, or no process: as if it had ended before it was ready, so another one is tried
            _log.error("no worker can be started: {why}", why=error)
            if worker.pid is None:
                self._reactor.callLater(0, self._process_ended, worker)
            else:
                worker.kill()

    def _new_worker(self) -> Worker:
        return Worker(self._reactor, self._heard, self._answered, self._process_ended)

    def _answered(self, worker: Worker, job: Job, frame: Frame) -> None:
        self._employer.answered(worker, job, frame)
        self._renewal.answered(worker)

    def _heard(self, worker: Worker, frame: Frame) -> None:
        """A worker has said something that answers no job."""
        said = frame.arguments
        if "batch" in said:
            jobs = [worker.jobs[number] for number in said["frames"]]
            self._employer.batch_begun(said["batch"], jobs, Concerned.of(said))
        elif "ready" in said:
            worker.ready = True
            self._failures = 0
            if worker is self.writer:
                self._start_readers()
                self._employer.writer_ready(said["committed"])
            else:
                self._employer.reader_ready()
            self._relieve()
            self._tell_ready()
        elif "migrating" in said:
            self.on_migrating(said["migrating"])
        elif "unopenable" in said:
            self._fail(Unopenable(said["unopenable"], lasting=said["lasting"]))

    def _relieve(self) -> None:
        """Let workers go that know old settings, as soon as there are others in their place."""
        fresh = self._renewal.fresh(self.readers)
        if len(fresh) < self._count or not all(one.ready for one in fresh):
            return
        for reader in [one for one in self.readers if one not in fresh]:
            self.readers.remove(reader)
            self._renewal.dismiss(reader)
        if self.writer is not None and not self._renewal.fresh([self.writer]):
            self._renewal.dismiss(self.writer)
        elif self.ready_writer() is not None:
            self._renewal.settle()

    def _fail(self, error: Unopenable) -> None:
        waiting, self._ready = self._ready, []
        if not waiting:
            _log.error("{why}", why=error)
        for one in waiting:
            one.errback(error)

    def _tell_ready(self) -> None:
        if self.is_ready:
            waiting, self._ready = self._ready, []
            for one in waiting:
                one.callback(None)

    def _process_ended(self, worker: Worker) -> None:
        jobs = list(worker.jobs.values())
        worker.jobs.clear()
        was_writer, was_asked = worker is self.writer, self._renewal.ended(worker)
        if was_writer:
            self.writer = None
            self._employer.writer_ended(jobs)
        else:
            if not was_asked:
                self.readers.remove(worker)
            if jobs:
                jobs[0].attempts += 1
            self._employer.taken_back(jobs)
        if not self.running:
            if worker in self._ended:
                self._ended.pop(worker).callback(None)
            return
        if was_asked:
            if was_writer:
                self._start_writer()
            self._relieve()
            return
        self._metrics.worker_replaced("writer" if was_writer else "reader", worker.end)
        _log.warn("worker {pid} has ended; another one is started", pid=worker.pid)
        delay = 0.0 if worker.ready else RESPAWN * 2 ** min(self._failures, 5)
        self._failures += not worker.ready
        self._reactor.callLater(delay, self._start_writer if was_writer else self._start_readers)

    def _look(self) -> None:
        """Kill workers past the hard deadline, and free jobs that wait behind a slow one."""
        now = self._reactor.seconds()
        for worker in self._all():
            # a writer may migrate the store for long before it is ready
            busy = bool(worker.jobs) or worker in self._renewal.leaving if worker.ready else worker is not self.writer
            patience = self._hard_deadline if worker.ready else max(self._hard_deadline, STARTING)
            if busy and now - worker.since > patience:
                _log.error("worker {pid} has not answered for {s} s", pid=worker.pid, s=patience)
                self._give_up(worker)
                worker.kill(DEADLINE)
        for reader in self.readers:
            if len(reader.jobs) > 1 and now - reader.since > SLOW:
                behind = list(reader.jobs)[1:]
                self._employer.taken_back([reader.jobs.pop(number) for number in behind])

    def _give_up(self, worker: Worker) -> None:
        """The job whose turn has lasted too long is not tried again; in the writer each is tried alone first."""
        if worker.jobs and (worker is not self.writer or len(worker.jobs) == 1):
            next(iter(worker.jobs.values())).attempts = MAX_ATTEMPTS

    def _kill_all(self) -> None:
        for worker in self._all():
            worker.kill()
