"""One worker process, as the front sees it: started, spoken to, and ended."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ProcessProtocol, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from jmapd.workers.channel import ChannelBroken, Frame, FrameReader
from jmapd.workers.settings import WorkerSettings
from jmapd.workers.turns import Job

CRASH, DEADLINE, MEMORY = "crash", "deadline", "memory"
"""How a worker ends that was not asked to: one that has met its memory's bound, and could go on to say so, ends well."""

_CHANNEL_FD = 3
_LOCK_FD = 4

_log = Logger()


class Worker(ProcessProtocol):
    """A worker process and the jobs that it has been given.

    :param reactor: starts it.
    :param heard: called with each frame that answers no job, such as the one that says it is ready.
    :param answered: called with a job and the frame that answers it.
    :param ended: called when the process has ended.
    """

    def __init__(
        self,
        reactor: Any,
        heard: Callable[[Worker, Frame], None],
        answered: Callable[[Worker, Job, Frame], None],
        ended: Callable[[Worker], None],
    ) -> None:
        self._reactor = reactor
        self._heard = heard
        self._answered = answered
        self._ended = ended
        self._channel: Channel | None = None
        self._errors = b""
        self._number = 0
        self.ready = False
        self.jobs: dict[int, Job] = {}
        self.since = 0.0
        """When the worker was started, or last began with something new."""
        self.took = 0.0
        """Seconds between its last two answers, or from when it began to the first."""
        self.end = CRASH
        """How it has ended, when it has."""

    def start(self, settings: WorkerSettings, lock: int | None) -> None:
        """Start the process.

        :param lock: for the writer, the descriptor that holds the data directory's lock.
        """
        self.since = self._reactor.seconds()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        nothing = os.open(os.devnull, os.O_RDWR)
        descriptors: dict[int, int | str] = {0: nothing, 1: nothing, 2: "r", _CHANNEL_FD: theirs.fileno()}
        if lock is not None:
            descriptors[_LOCK_FD] = lock
        command = [sys.executable, "-m", "jmapd.workers.process", settings.to_json(), str(_CHANNEL_FD)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
        try:
            self._reactor.spawnProcess(self, sys.executable, command, environment, childFDs=descriptors)
            self._reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, _ChannelFactory(self))
        finally:
            os.close(nothing)
            ours.close()
            theirs.close()

    def give(self, jobs: list[Job]) -> None:
        """Send jobs, all in one write."""
        now = self._reactor.seconds()
        if not self.jobs:
            self.since = now
        data = []
        for job in jobs:
            self._number += 1
            self.jobs[self._number] = job
            job.started = now
            data.append(Frame(self._number, job.arguments, job.body).to_bytes())
        assert self._channel is not None
        assert self._channel.transport is not None
        self._channel.transport.write(b"".join(data))

    def received(self, frame: Frame) -> None:
        """A frame has come from the worker."""
        now = self._reactor.seconds()
        self.took, self.since = now - self.since, now
        job = self.jobs.pop(frame.number, None)
        if job is not None:
            self._answered(self, job, frame)
        elif frame.number == 0:
            self._heard(self, frame)

    def finish(self) -> None:
        """Let the worker end when it has done what it was given."""
        self.since = self._reactor.seconds()
        if self._channel is not None and self._channel.transport is not None:
            self._channel.transport.loseConnection()

    def kill(self, end: str = CRASH) -> None:
        """End the worker now.

        :param end: what to call that.
        """
        self.end = end
        try:
            if self.transport is not None:
                self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            pass

    def channel_made(self, channel: Channel) -> None:
        """The channel stands."""
        self._channel = channel

    def errReceived(self, data: bytes) -> None:
        """What the worker says on its standard error is its log."""
        *lines, self._errors = (self._errors + data).split(b"\n")
        for line in lines:
            _log.info("worker {pid}: {line}", pid=self.pid, line=line.decode(errors="replace"))

    @property
    def pid(self) -> int | None:
        """The process' id."""
        return None if self.transport is None else self.transport.pid

    def processEnded(self, reason: Failure) -> None:
        """The process is gone, and so is its channel."""
        if reason.check(ProcessDone):
            self.end = MEMORY
        self._ended(self)


class Channel(Protocol):
    """The front's end of a worker's channel."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._frames = FrameReader()

    def connectionMade(self) -> None:
        """Tell the worker object where to write."""
        self._worker.channel_made(self)

    def dataReceived(self, data: bytes) -> None:
        """The front always drains the channel: back-pressure is at admission."""
        try:
            for frame in self._frames.feed(data):
                self._worker.received(frame)
        except ChannelBroken:
            _log.error("worker {pid} does not speak the channel's protocol", pid=self._worker.pid)
            self._worker.kill()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Without its channel a worker is of no use; its end is told by `processEnded`."""


@attrs.frozen
class _ChannelFactory:
    """What `adoptStreamConnection` asks for a protocol."""

    worker: Worker

    def buildProtocol(self, address: IAddress | None) -> Channel:
        """The one channel."""
        return Channel(self.worker)

    def doStart(self) -> None:
        """Nothing is to be started."""

    def doStop(self) -> None:
        """Nothing is to be stopped."""
