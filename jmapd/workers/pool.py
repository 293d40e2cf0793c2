"""The worker processes, from the front's side: one way down for every Request, one way back.

A Request that only reads goes to a free reader, any other to the writer; which it is, is guessed from its bytes, and
a reader that finds a writing method hands the Request back. Workers that end, or that exceed the hard deadline, are
replaced; no Request is done twice or half.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, gatherResults, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from jmapd.protocol.errors import limit, server_unavailable
from jmapd.protocol.statechange import Modseqs
from jmapd.protocol.subprotocol import Binding, render_error
from jmapd.workers.answers import OperationRefused
from jmapd.workers.channel import Frame
from jmapd.workers.operations import PREPARE, REQUEST, WRITES
from jmapd.workers.recovery import Batches, in_doubt, lost
from jmapd.workers.settings import WorkerSettings
from jmapd.workers.turns import SLOW, Job, Origin, Turns
from jmapd.workers.worker import Worker

__all__ = ["Answer", "Hub", "OperationRefused", "Origin", "Pool", "Reply"]

AHEAD = 2
"""Jobs that a reader is given at a time: the next one is there when it has done the first."""

WATCH = SLOW
"""Seconds between two looks at what the workers are doing."""

MAX_ROUNDS = 20
"""How often a Request may be run again with something prepared."""

MAX_ATTEMPTS = 2
"""How many workers may end over a job before it is given up."""

RESPAWN = 0.2
"""Seconds before a worker is replaced that ended before it was ready; longer each time."""

_WRITING = re.compile(rb'/(?:set|import|copy)"')
_log = Logger()


@attrs.frozen
class Answer:
    """What a Request gets: finished bytes.

    :param status: the HTTP status.
    :param body: a Response or a problem details object, for the binding that was asked for.
    """

    status: int
    body: bytes


@attrs.frozen
class Reply:
    """What an operation gets."""

    arguments: dict[str, Any]
    body: bytes


class Hub(Protocol):
    """Who must hear of states."""

    def observe(self, modseqs: Modseqs) -> None:
        """States that have been read: nothing older may be told from now on."""

    def announce(self, modseqs: Modseqs) -> None:
        """States that have changed."""


class Pool(Service):
    """The readers and the writer.

    :param reactor: starts processes and tells the time.
    :param settings: what the workers are told, but for which of them is the writer.
    :param hub: hears of the states that were read and changed.
    :param readers: how many there are.
    :param hard_deadline: seconds after which a worker that answers nothing is killed.
    """

    def __init__(
        self, reactor: Any, settings: WorkerSettings, hub: Hub, *, readers: int = 2, hard_deadline: float = 30.0
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._hub = hub
        self._count = readers
        self._hard_deadline = hard_deadline
        self._turns = Turns(settings.limits.max_concurrent_requests)
        self._internal: deque[Job] = deque()
        self._readers: list[Worker] = []
        self._writer: Worker | None = None
        self._to_writer: deque[Job] = deque()
        self._batches = Batches()
        self._ready: list[Deferred[None]] = []
        self._ended: list[Deferred[None]] = []
        self._idle: list[Deferred[None]] = []
        self._failures = 0
        self._watch = LoopingCall(self._look)
        self._watch.clock = reactor
        self.lock: int | None = None
        """The descriptor that holds the data directory's lock; the writer gets a copy."""
        self.credentials_changed: list[Callable[[int], None]] = []
        """Called with a user's number when their password or accounts have changed."""

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
        waiting = []
        for worker in self._workers():
            ended: Deferred[None] = Deferred()
            self._ended.append(ended)
            waiting.append(ended)
            worker.finish()
        done = DeferredList(waiting)
        timer = self._reactor.callLater(self._hard_deadline, self._kill_all)

        def finished(result: Any) -> Any:
            if timer.active():
                timer.cancel()
            return result

        return done.addBoth(finished)

    def ready(self) -> Deferred[None]:
        """Fires when the writer and a reader can be asked."""
        if self._is_ready():
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._ready.append(waiting)
        return waiting

    def idle(self) -> Deferred[None]:
        """Fires when no Request waits or runs."""
        if self._turns.is_idle():
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._idle.append(waiting)
        return waiting

    def submit(self, origin: Origin, request: bytes, binding: Binding) -> Deferred[Answer]:
        """Have a Request executed.

        :param origin: the connection it came from.
        :param request: its bytes, as they came.
        :param binding: what it came by.
        :returns: fires with the answer. When its callbacks have run the answer counts as handed over, and what it
            changed is announced. Cancel it when the connection is gone: a Request that waits is dropped then.
        """
        arguments = {"operation": REQUEST, "user": origin.principal.user, "binding": binding.value}
        done: Deferred[Answer] = Deferred(lambda _: self._forget(job))
        job = Job(REQUEST, arguments, request, done, writes=bool(_WRITING.search(request)), origin=origin)
        if not self._turns.add(job):
            error = limit("maxConcurrentRequests", "Too many requests of this user are waiting.")
            return succeed(Answer(error.status, render_error(error, binding)))
        self._start_user(origin.principal.user)
        return done

    def _forget(self, job: Job) -> None:
        """A Request's connection is gone: if it waits it is dropped; if it runs it ends."""
        self._turns.drop(job)

    def released(self) -> None:
        """Some `Origin` is held no more."""
        self._turns.released()
        for user in self._turns.waiting_users():
            self._start_user(user)

    def perform(self, operation: str, arguments: dict[str, Any], body: bytes = b"") -> Deferred[Reply]:
        """Have an operation done.

        :param operation: one of `jmapd.workers.operations`.
        :returns: fires with the reply, or fails with `OperationRefused`.
        """
        done: Deferred[Reply] = Deferred(lambda _: None)
        job = Job(operation, {**arguments, "operation": operation}, body, done, writes=operation in WRITES)
        self._send(job)
        return done

    def _send(self, job: Job) -> None:
        """Give a job that waits for no user's turn to whom it belongs."""
        if job.writes:
            self._to_writer.append(job)
            self._start_writes()
        else:
            self._internal.append(job)
            self._start_reads()

    def _start_user(self, user: int) -> None:
        """Start what the user's turn has come for."""
        while (job := self._turns.next_write(user)) is not None:
            self._to_writer.append(job)
        self._start_writes()
        self._start_reads()

    def _start_writes(self) -> None:
        writer = self._writer
        if writer is None or not writer.ready or not self._to_writer:
            return
        if self._batches.suspects:
            # a writer has ended over some of these: one at a time shows over which
            if not writer.jobs:
                writer.give([self._to_writer.popleft()])
            return
        jobs, self._to_writer = list(self._to_writer), deque()
        writer.give(jobs)

    def _start_reads(self) -> None:
        while self._internal or self._turns.waiting_users():
            free = [worker for worker in self._readers if worker.ready and len(worker.jobs) < AHEAD]
            if not free:
                return
            worker = min(free, key=lambda one: len(one.jobs))
            job = self._next_read(idle=sum(not one.jobs for one in free))
            if job is None:
                return
            worker.give([job])

    def _next_read(self, idle: int) -> Job | None:
        if self._internal:
            return self._internal.popleft()
        return self._turns.next_read(self._reactor.seconds(), last_reader=idle <= 1 and len(self._readers) > 1)

    def _answered(self, worker: Worker, job: Job, frame: Frame) -> None:
        said = frame.arguments
        if worker is self._writer:
            self._batches.answered(job)
        if "redirect" in said:
            job.writes = True
            self._to_writer.append(job)
            self._start_writes()
        elif "wanted" in said and job.rounds < MAX_ROUNDS:
            self._prepare(job, said["wanted"])
        else:
            self._deliver(job, frame)
        if worker is self._writer:
            self._start_writes()
        self._start_reads()

    def _deliver(self, job: Job, frame: Frame) -> None:
        """Hand an answer over, then say what it changed."""
        said = frame.arguments
        if "read" in said:
            self._hub.observe(said["read"])
        if job.operation == REQUEST:
            if "wanted" in said:
                self._fail(job)
            else:
                self._hand_over(job, Answer(said["status"], frame.body))
        elif "refused" in said:
            self._hand_over(job, Failure(OperationRefused(said["refused"], said["detail"])))
        else:
            self._hand_over(job, Reply(said, frame.body))
        if "changed" in said:
            self._hub.announce(said["changed"])
        for user in said.get("users", ()):
            for listener in self.credentials_changed:
                listener(user)

    def _hand_over(self, job: Job, result: Any) -> None:
        if not job.done.called:
            job.done.callback(result)
        if job.origin is not None:
            self._turns.finished(job)
            self._start_user(job.origin.principal.user)
            if self._idle and self._turns.is_idle():
                waiting, self._idle = self._idle, []
                for one in waiting:
                    one.callback(None)

    def _fail(self, job: Job) -> None:
        """Answer a job that has done nothing and will not be done."""
        if job.operation == REQUEST:
            binding = Binding(job.arguments["binding"])
            error = server_unavailable()
            self._hand_over(job, Answer(error.status, render_error(error, binding)))
        else:
            refused = OperationRefused("unavailable", "The server could not do this now.")
            self._hand_over(job, Failure(refused))

    def _prepare(self, job: Job, wanted: list[dict[str, Any]]) -> None:
        """Have readers prepare what a Request cannot go on without, then run it again."""
        user = job.arguments["user"]
        asked = [self.perform(PREPARE, {"user": user, "wanted": one["arguments"]}) for one in wanted]

        def again(replies: list[Reply]) -> None:
            for one, reply in zip(wanted, replies, strict=True):
                piece = {"key": one["key"], "answer": reply.arguments, "length": len(reply.body)}
                job.prepared.append((piece, reply.body))
            self._send_prepared(job)

        gatherResults(asked, consumeErrors=True).addCallbacks(again, lambda _: self._fail(job))

    def _send_prepared(self, job: Job) -> None:
        request = job.body[: job.arguments.get("length", len(job.body))]
        job.rounds += 1
        job.arguments = {**job.arguments, "length": len(request), "prepared": [piece for piece, _ in job.prepared]}
        job.body = b"".join((request, *(body for _, body in job.prepared)))
        self._to_writer.append(job)
        self._start_writes()

    def _heard(self, worker: Worker, frame: Frame) -> None:
        said = frame.arguments
        if "batch" in said:
            self._batches.begun(said["batch"], [worker.jobs[number] for number in said["frames"]])
            return
        if "ready" not in said:
            return
        worker.ready = True
        self._failures = 0
        if worker is self._writer:
            self._recover(said["committed"])
            self._start_readers()
            self._start_writes()
        self._start_reads()
        if self._is_ready():
            waiting, self._ready = self._ready, []
            for one in waiting:
                one.callback(None)

    def _is_ready(self) -> bool:
        return self._writer is not None and self._writer.ready and any(one.ready for one in self._readers)

    def _recover(self, committed: int) -> None:
        """A new writer says which batch was committed last: answer what is done, do again what is not."""
        done, again = self._batches.recovered(committed)
        for job in done:
            if job.operation == REQUEST:
                self._hand_over(job, Answer(500, in_doubt(job.arguments["binding"])))
            else:
                self._hand_over(job, Failure(lost()))
        if done:
            self._announce_all(done)
        for job in again:
            if job.attempts >= MAX_ATTEMPTS:
                self._fail(job)
            else:
                self._to_writer.append(job)

    def _announce_all(self, jobs: list[Job]) -> None:
        """What these jobs changed is not known: announce the current state of the accounts concerned."""
        for user in {job.arguments["user"] for job in jobs if "user" in job.arguments}:
            asked = self.perform("states", {"user": user})
            asked.addCallbacks(lambda reply: self._hub.announce(reply.arguments["accounts"]), lambda _: None)

    def _process_ended(self, worker: Worker) -> None:
        jobs = list(worker.jobs.values())
        worker.jobs.clear()
        was_writer = worker is self._writer
        if was_writer:
            self._writer = None
            self._batches.writer_ended(jobs)
        else:
            self._readers.remove(worker)
            self._take_back(jobs, first_failed=True)
        if not self.running:
            if self._ended:
                self._ended.pop().callback(None)
            return
        _log.warn("worker {pid} has ended; another one is started", pid=worker.pid)
        delay = 0.0 if worker.ready else RESPAWN * 2 ** min(self._failures, 5)
        self._failures += not worker.ready
        self._reactor.callLater(delay, self._start_writer if was_writer else self._start_readers)

    def _take_back(self, jobs: list[Job], *, first_failed: bool) -> None:
        """Give a reader's jobs to others; reading twice does no harm, but what ends two readers is given up."""
        for at, job in enumerate(jobs):
            if at == 0 and first_failed:
                job.attempts += 1
            if job.attempts >= MAX_ATTEMPTS:
                self._fail(job)
            elif not job.done.called:
                self._internal.append(job)
            elif job.origin is not None:
                self._turns.finished(job)
        self._start_reads()

    def _look(self) -> None:
        """Kill workers past the hard deadline, and free Requests that wait behind a slow one."""
        now = self._reactor.seconds()
        for worker in self._workers():
            # a writer may migrate the store for long before it is ready
            busy = bool(worker.jobs) if worker.ready else worker is not self._writer
            if busy and now - worker.since > self._hard_deadline:
                _log.error("worker {pid} has not answered for {s} s", pid=worker.pid, s=self._hard_deadline)
                self._give_up(worker)
                worker.kill()
        for reader in self._readers:
            if len(reader.jobs) > 1 and now - reader.since > SLOW:
                behind = list(reader.jobs)[1:]
                self._take_back([reader.jobs.pop(number) for number in behind], first_failed=False)

    def _give_up(self, worker: Worker) -> None:
        """The job whose turn has lasted too long is not tried again; in the writer each is tried alone first."""
        if worker.jobs and (worker is not self._writer or len(worker.jobs) == 1):
            next(iter(worker.jobs.values())).attempts = MAX_ATTEMPTS

    def _workers(self) -> list[Worker]:
        return [*self._readers, *([] if self._writer is None else [self._writer])]

    def _kill_all(self) -> None:
        for worker in self._workers():
            worker.kill()

    def _start_writer(self) -> None:
        if self.running and self._writer is None:
            self._writer = self._new_worker()
            self._writer.start(attrs.evolve(self._settings, writer=True), self.lock)

    def _start_readers(self) -> None:
        """Start the readers that are missing; they need a store that the writer has brought up to date."""
        if not self.running or self._writer is None or not self._writer.ready:
            return
        while len(self._readers) < self._count:
            worker = self._new_worker()
            self._readers.append(worker)
            worker.start(self._settings, None)

    def _new_worker(self) -> Worker:
        return Worker(self._reactor, self._heard, self._answered, self._process_ended)


def ignore_cancelled(failure: Failure) -> None:
    """For callers of `Pool.submit` whose connection is gone."""
    failure.trap(CancelledError)
