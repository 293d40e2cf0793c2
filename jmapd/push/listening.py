"""One who hears of changes: registered with the hub first, then told of the past, so that nothing falls between."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from jmapd.protocol.statechange import Modseqs
from jmapd.push.hub import Hub, Subscriber, Throttle
from jmapd.workers.pool import OperationRefused, Pool, Reply

_log = Logger()


class Listening:
    """A subscription, from its beginning on.

    :param user: whose accounts it is about.
    :param types: the data types; ``None`` is all.
    :param push_state: the token that the client had last; ``None``: it wants to hear of what comes.
    :param failed: called when the states cannot be read; nothing is told any more, and the log has the reason.
    :param throttle: one of its own, in place of the hub's.
    """

    __slots__ = ("_failed", "_hub", "_pool", "_subscription", "_user")

    def __init__(
        self,
        pool: Pool,
        hub: Hub,
        user: int,
        subscriber: Subscriber,
        types: frozenset[str] | None,
        push_state: str | None,
        failed: Callable[[], None],
        throttle: Throttle | None = None,
    ) -> None:
        self._pool = pool
        self._hub = hub
        self._user = user
        self._failed: Callable[[], None] | None = failed
        self._subscription = subscription = hub.register(subscriber, types, throttle)

        def start(epoch: str, accounts: Modseqs) -> None:
            hub.start(subscription, epoch, accounts, push_state)

        self._read_states(start)

    @property
    def waiting(self) -> int:
        """How many states the client is to be told of when it may be."""
        return self._hub.waiting(self._subscription)

    def ready(self) -> None:
        """The client can be sent to again."""
        self._hub.ready(self._subscription)

    def accesses_changed(self) -> None:
        """The user may see other accounts now."""
        if self._failed is not None and self._hub.reread(self._subscription):
            self._read_states(lambda _, accounts: self._hub.rejoin(self._subscription, accounts))

    def stop(self) -> None:
        """The client is gone, or wants to hear no more."""
        self._failed = None
        self._hub.remove(self._subscription)

    def _read_states(self, then: Callable[[str, Modseqs], None]) -> None:
        """Read the states of the accounts that the user may see."""

        def read(reply: Reply) -> None:
            then(reply.arguments["epoch"], reply.arguments["accounts"])
            if self._subscription.stale:
                self.accesses_changed()

        def unread(failure: Failure) -> None:
            failed = self._failed
            self.stop()
            if not failure.check(CancelledError, OperationRefused):
                _log.failure("pushes failed", failure)
            if failed is not None:
                failed()

        states = self._pool.perform("states", {"user": self._user})
        states.addCallback(read)
        states.addErrback(unread)
