"""The worker processes, from the front's side: one way down for every Request, one way back.

A Request that only reads goes to a free reader, any other to the writer; which it is, is guessed from its bytes, and
a reader that finds a writing method hands the Request back. When a worker ends, what it had is given to others; no
Request is done twice or half.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from jmapd.observe.metrics import Metrics
from jmapd.protocol.errors import limit, server_unavailable
from jmapd.protocol.limits import Limits
from jmapd.protocol.statechange import Modseqs
from jmapd.protocol.subprotocol import Binding, render_error
from jmapd.workers import answers
from jmapd.workers.answers import OperationRefused
from jmapd.workers.channel import Frame
from jmapd.workers.crew import MAX_ATTEMPTS, Crew
from jmapd.workers.employer import Concerned
from jmapd.workers.operations import PREPARE, REQUEST, WRITES
from jmapd.workers.recovery import Batches, in_doubt, lost
from jmapd.workers.settings import WorkerSettings
from jmapd.workers.turns import Job, Origin, Turns
from jmapd.workers.worker import Worker

__all__ = ["Answer", "Hub", "OperationRefused", "Origin", "Pool", "Reply"]

MAX_ROUNDS = 20
"""How often a Request may be run again with something prepared."""

_WRITING = re.compile(rb'/(?:set|import|copy|upload|send)"')
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
    """Every Request and operation, on its way to a worker and back.

    :param reactor: starts processes and tells the time.
    :param settings: what the workers are told, but for which of them is the writer.
    :param hub: hears of the states that were read and changed.
    :param readers: how many there are.
    :param hard_deadline: seconds after which a worker that answers nothing is killed.
    """

    def __init__(
        self,
        reactor: Any,
        settings: WorkerSettings,
        hub: Hub,
        *,
        readers: int = 2,
        hard_deadline: float = 30.0,
        metrics: Metrics | None = None,
    ) -> None:
        self._reactor = reactor
        self._hub = hub
        self._metrics = metrics or Metrics()
        self.crew = Crew(reactor, settings, readers, hard_deadline, self, self._metrics)
        self._turns = Turns(settings.limits.max_concurrent_requests)
        self._internal: deque[Job] = deque()
        self._requests_turn = False
        self._to_writer: deque[Job] = deque()
        self._batches = Batches()
        self._committing = Concerned()
        self._stirred: dict[int, None] = {}
        self._start_call: Any = None
        self._idle: list[Deferred[None]] = []
        self.credentials_changed: list[Callable[[int, str | None], None]] = []
        """Called with a user's number and the credential of theirs that is another or gone; ``None``: all of them."""
        self.accesses_changed: list[Callable[[int], None]] = []
        """Called with the number of a user who may see other accounts now."""
        self.push_subscriptions_changed: list[Callable[[int], None]] = []
        """Called with the number of a user whose PushSubscriptions are others now."""

    def startService(self) -> None:
        """Start the workers."""
        super().startService()
        self.crew.startService()

    def stopService(self) -> Deferred[Any]:
        """Let the workers end when they have done what they were given; fires when they have."""
        super().stopService()
        return self.crew.stopService()

    def renew(self, settings: WorkerSettings, *, readers: int, hard_deadline: float) -> Deferred[None]:
        """Have other settings be in force; fires when no worker is left that knows those before.

        No Request notices, but that one which writes may wait for a moment.
        """
        self._turns.most = settings.limits.max_concurrent_requests
        self.released()
        return self.crew.renew(settings, readers, hard_deadline)

    @property
    def limits(self) -> Limits:
        """The bounds that clients are told of."""
        return self.crew.settings.limits

    def ready(self) -> Deferred[None]:
        """Fires when the writer and a reader can be asked."""
        return self.crew.ready()

    @property
    def is_ready(self) -> bool:
        """Whether the writer and a reader can be asked now."""
        return self.crew.is_ready

    @property
    def waiting(self) -> dict[str, int]:
        """How many jobs wait, for what: a user's turn, a reader, the writer."""
        return {"turn": self._turns.waiting, "reader": len(self._internal), "writer": len(self._to_writer)}

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
        principal = origin.principal
        arguments = {
            "operation": REQUEST,
            "user": principal.user,
            "credential": principal.credential,
            "read_only": principal.read_only,
            "binding": binding.value,
        }
        done: Deferred[Answer] = Deferred(lambda _: self._forget(job))
        job = Job(REQUEST, arguments, request, done, writes=bool(_WRITING.search(request)), origin=origin)
        job.asked = self._reactor.seconds()
        if not self._turns.add(job):
            self._metrics.hit("request.max-concurrent")
            self._metrics.request(binding.value, "refused", 0.0)
            error = limit("maxConcurrentRequests", "Too many requests of this user are waiting.")
            return succeed(Answer(error.status, render_error(error, binding)))
        self._start_soon(principal.user)
        return done

    def _forget(self, job: Job) -> None:
        """A Request's connection is gone: if it waits it is dropped; if it runs it ends."""
        if self._turns.drop(job):
            self._told(job, "dropped")

    def released(self) -> None:
        """Some `Origin` is held no more."""
        self._turns.released()
        for user in self._turns.waiting_users():
            self._start_soon(user)

    def perform(self, operation: str, arguments: dict[str, Any], body: bytes = b"") -> Deferred[Reply]:
        """Have an operation done.

        :param operation: one of `jmapd.workers.operations`.
        :returns: fires with the reply, or fails with `OperationRefused`. Cancel it when nobody waits for it any more:
            one that only reads and waits is dropped then.
        """
        done: Deferred[Reply] = Deferred(lambda _: self._withdraw(job))
        job = Job(operation, {**arguments, "operation": operation}, body, done, writes=operation in WRITES)
        self._send(job)
        return done

    def _withdraw(self, job: Job) -> None:
        """Nobody waits for an operation any more."""
        if job in self._internal:
            self._internal.remove(job)

    def _send(self, job: Job) -> None:
        """Give a job that waits for no user's turn to whom it belongs."""
        if job.writes:
            self._to_writer.append(job)
            self._start_writes()
        else:
            self._internal.append(job)
            self._start_reads()

    def _start_soon(self, user: int) -> None:
        """Something of a user's may start, together with all else of this turn of the reactor."""
        self._stirred[user] = None
        if self._start_call is None:
            self._start_call = self._reactor.callLater(0, self._start)

    def _start(self) -> None:
        """Start what the turn has come for."""
        self._start_call = None
        users, self._stirred = self._stirred, {}
        for user in users:
            while (job := self._turns.next_write(user)) is not None:
                self._to_writer.append(job)
        self._start_writes()
        self._start_reads()

    def _start_writes(self) -> None:
        writer = self.crew.ready_writer()
        if writer is None or not self._to_writer:
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
            free = self.crew.free_readers()
            if not free:
                return
            job = self._next_read(idle=sum(not one.jobs for one in free))
            if job is None:
                return
            together = [] if job.operation != REQUEST or job.attempts else self._turns.company(job)
            free[0].give([job, *together])

    def _next_read(self, idle: int) -> Job | None:
        """Operations and Requests by turns: however many there are of the one, the others go on."""
        job = None
        if self._requests_turn or not self._internal:
            last_reader = idle <= 1 and len(self.crew.readers) > 1
            job = self._turns.next_read(self._reactor.seconds(), last_reader=last_reader)
        self._requests_turn = job is None
        if job is None and self._internal:
            job = self._internal.popleft()
        return job

    def answered(self, worker: Worker, job: Job, frame: Frame) -> None:
        """A worker has answered: hand the answer over, or see to what it asks for."""
        said = frame.arguments
        if worker is self.crew.writer:
            self._batches.answered(job)
        else:
            self._turns.took(job, worker.took)
        if "redirect" in said:
            job.writes = True
            self._to_writer.append(job)
            self._start_writes()
        elif "wanted" in said and job.rounds < MAX_ROUNDS:
            self._prepare(job, said["wanted"])
        else:
            self._deliver(job, frame)
        if worker is self.crew.writer:
            self._start_writes()
        if self._start_call is None:
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
        self._tell(Concerned.of(said))

    def _tell(self, concerned: Concerned) -> None:
        for user, credential in concerned.credentials:
            for listener in self.credentials_changed:
                listener(user, credential)
        for user in concerned.accesses:
            for hears in self.accesses_changed:
                hears(user)
        for user in concerned.push_subscriptions:
            for hears in self.push_subscriptions_changed:
                hears(user)

    def _told(self, job: Job, outcome: str) -> None:
        self._metrics.request(job.arguments["binding"], outcome, self._reactor.seconds() - job.asked)

    def _hand_over(self, job: Job, result: Any) -> None:
        if isinstance(result, Answer):
            self._told(job, "ok" if result.status == 200 else "refused" if result.status < 500 else "failed")
        if not job.done.called:
            job.done.callback(result)
        if job.origin is not None:
            self._turns.finished(job)
            self._start_soon(job.origin.principal.user)
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
        # an operation that needs something is nobody's in particular
        user = job.arguments.get("user", 0)
        asked = [self.perform(PREPARE, {"user": user, "wanted": one["arguments"]}) for one in wanted]

        def again(replies: list[Reply]) -> None:
            for one, reply in zip(wanted, replies, strict=True):
                job.prepared.append(answers.prepared_piece(one["key"], reply.arguments, reply.body))
            self._send_prepared(job)

        gatherResults(asked, consumeErrors=True).addCallbacks(again, lambda _: self._fail(job))

    def _send_prepared(self, job: Job) -> None:
        own = job.body[: job.arguments.get("length", len(job.body))]
        job.rounds += 1
        job.arguments, job.body = answers.join_prepared(job.arguments, own, job.prepared)
        self._to_writer.append(job)
        self._start_writes()

    def batch_begun(self, batch: int, jobs: list[Job], concerned: Concerned) -> None:
        """The writer is about to commit."""
        self._metrics.batch(len(jobs))
        self._batches.begun(batch, jobs)
        self._committing = concerned

    def writer_ended(self, jobs: list[Job]) -> None:
        """Whether these are done is known when another writer says what was committed."""
        self._batches.writer_ended(jobs)

    def reader_ready(self) -> None:
        """A reader can be given jobs."""
        self._start_reads()

    def writer_ready(self, committed: int) -> None:
        """A new writer says which batch was committed last: answer what is done, do again what is not."""
        done, again = self._batches.recovered(committed)
        for job in done:
            if job.operation == REQUEST:
                self._hand_over(job, Answer(500, in_doubt(job.arguments["binding"])))
            else:
                self._hand_over(job, Failure(lost()))
        if done:
            # whoever was to hear of one of these has not
            self._tell(self._committing)
        self._announce_all(done)
        for job in again:
            if job.attempts >= MAX_ATTEMPTS:
                self._fail(job)
            else:
                self._to_writer.append(job)
        self._start_writes()

    def _announce_all(self, jobs: list[Job]) -> None:
        """What these jobs changed is not known: announce the current state of the accounts concerned."""
        for user in {job.arguments["user"] for job in jobs if "user" in job.arguments}:
            asked = self.perform("states", {"user": user})
            asked.addCallbacks(lambda reply: self._hub.announce(reply.arguments["accounts"]), lambda _: None)

    def taken_back(self, jobs: list[Job]) -> None:
        """Give a reader's jobs to others; reading twice does no harm, but what ends two readers is given up."""
        waiting = []
        for job in jobs:
            if job.attempts >= MAX_ATTEMPTS:
                self._fail(job)
            elif job.done.called:
                if job.origin is not None:
                    self._turns.finished(job)
            elif job.attempts or job.origin is None:
                self._internal.append(job)
            else:
                waiting.append(job)
        self._turns.given_back(waiting)
        self._start_reads()
