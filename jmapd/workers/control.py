"""The control socket: `jmapctl` asks the running server, in the frames of a worker's channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from jmapd.workers.answers import OperationRefused
from jmapd.workers.channel import ChannelBroken, Frame, FrameReader
from jmapd.workers.operations import CONTROL
from jmapd.workers.pool import Pool, Reply

Operation = Callable[[dict[str, Any]], dict[str, Any]]
"""Something that the front itself does: arguments in, arguments out; raises `OperationRefused`."""

_log = Logger()


class Control(Protocol):
    """One `jmapctl`: whoever may open the socket may do all of `CONTROL`, and what the front does itself."""

    def __init__(self, pool: Pool, front: Mapping[str, Operation]) -> None:
        self._pool = pool
        self._front = front
        self._frames = FrameReader()

    def dataReceived(self, data: bytes) -> None:
        """Frames have come."""
        try:
            for frame in self._frames.feed(data):
                self._asked(frame)
        except ChannelBroken:
            assert self.transport is not None
            self.transport.abortConnection()  # type: ignore[attr-defined]  # a UNIX server's transport has it

    def _asked(self, frame: Frame) -> None:
        arguments = dict(frame.arguments)
        operation = arguments.pop("operation", None)
        if operation in self._front:
            done = maybeDeferred(self._front[operation], arguments).addCallback(Reply, b"")
        elif operation in CONTROL:
            done = self._pool.perform(operation, arguments, frame.body)
        else:
            self._answer(frame.number, {"refused": "unknown", "detail": "There is no such operation."}, b"")
            return
        done.addCallbacks(self._done, self._refused, callbackArgs=(frame.number,), errbackArgs=(frame.number,))
        done.addErrback(lambda failure: _log.failure("control socket", failure))

    def _done(self, reply: Reply, number: int) -> None:
        self._answer(number, reply.arguments, reply.body)

    def _refused(self, failure: Failure, number: int) -> None:
        failure.trap(OperationRefused)
        error = failure.value
        assert isinstance(error, OperationRefused)
        self._answer(number, {"refused": error.kind, "detail": error.detail}, b"")

    def _answer(self, number: int, arguments: dict[str, object], body: bytes) -> None:
        if self.transport is not None:
            self.transport.write(Frame(number, arguments, body).to_bytes())


class ControlFactory(Factory):
    """Makes a `Control` for each connection.

    :param front: the operations that the front does itself, by name.
    """

    noisy = False

    def __init__(self, pool: Pool, front: Mapping[str, Operation]) -> None:
        self._pool = pool
        self._front = front

    def buildProtocol(self, addr: IAddress | None) -> Control:
        """One `jmapctl` more."""
        return Control(self._pool, self._front)
