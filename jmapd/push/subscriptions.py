"""All PushSubscriptions (RFC 8620 section 7.2): their verification codes are sent, and the verified ones hear of changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import attrs
import orjson
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, inlineCallbacks
from twisted.logger import Logger
from twisted.python.failure import Failure

from jmapd.observe.clock import time_of_day
from jmapd.push.delivery import RETRY_SECONDS, Delivery
from jmapd.push.hub import Hub
from jmapd.push.outward import Network
from jmapd.push.post import Outcome, Poster
from jmapd.push.throttle import ThrottleService
from jmapd.push.told import Told
from jmapd.workers.pool import OperationRefused, Pool, Reply

AT_ONCE = 4
"""POSTs of one user under way at a time."""

TTL = 7 * 86_400
"""Seconds for which a push service is to keep a message, at most."""

_log = Logger()


@attrs.frozen
class Subscribed:
    """A PushSubscription, as the store has it (`jmapd.workers.push_subscriptions`)."""

    number: int
    id: str
    url: str = attrs.field(repr=False)
    keys: dict[str, str] | None = attrs.field(repr=False)
    types: list[str] | None
    ends: int
    code: str | None = attrs.field(repr=False)
    verified: bool
    told: str


@attrs.define(eq=False)
class _User:
    """What is known of a user's PushSubscriptions.

    :ivar codes: those whose codes are being sent.
    :ivar reading: whether the store is asked for them.
    :ivar stale: whether there are others than are being read.
    """

    codes: set[int] = attrs.field(factory=set)
    subscriptions: dict[int, Subscribed] = attrs.field(factory=dict)
    deliveries: dict[int, Delivery] = attrs.field(factory=dict)
    posting: DeferredSemaphore = attrs.field(factory=lambda: DeferredSemaphore(AT_ONCE))
    reading: bool = False
    stale: bool = False


class PushSubscriptions(MultiService):
    """Keeps up with the store's PushSubscriptions.

    :param clock: an IReactorTime.
    :param poster: sends to their URLs.
    :param throttle: seconds between two POSTs to one of them at least; 0 gathers nothing.
    """

    def __init__(self, clock: Any, pool: Pool, hub: Hub, poster: Poster, throttle: float) -> None:
        super().__init__()
        self._clock = clock
        self._pool = pool
        self._hub = hub
        self._poster = poster
        self._throttle = ThrottleService(clock, hub, throttle)
        self._throttle.setServiceParent(self)
        self._users: dict[int, _User] = {}
        self._told = Told(clock, pool)
        pool.push_subscriptions_changed.append(self._changed)
        pool.credentials_changed.append(lambda user, _: self._changed(user, known=True))
        pool.accesses_changed.append(self._accesses_changed)

    def set(self, throttle: float, timeout: float, networks: Sequence[Network]) -> None:
        """Have other settings be in force.

        :param timeout: seconds that a POST may take.
        :param networks: those that one may go to beside the internet.
        """
        self._throttle.set(throttle)
        self._poster.set(timeout, networks)

    def startService(self) -> None:
        """Take up all there are, as soon as the workers can be asked."""
        super().startService()
        self._poster.start()
        self._read_users()

    def _read_users(self) -> None:
        def read(reply: Reply) -> None:
            for user in reply.arguments["users"]:
                self._changed(user)

        self._ask("push_users", {}, read, self._read_users)

    def _ask(
        self, operation: str, arguments: dict[str, Any], then: Callable[[Reply], None], again: Callable[[], None]
    ) -> None:
        """Ask the workers, until they answer.

        :param again: called after a while where they cannot.
        """

        def refused(failure: Failure) -> None:
            failure.trap(OperationRefused, CancelledError)
            if self.running:
                self._clock.callLater(RETRY_SECONDS, again)

        if self.running:
            asked = self._pool.perform(operation, arguments).addCallbacks(then, refused)
            asked.addErrback(lambda failure: _log.failure("PushSubscriptions cannot be taken up", failure))

    @inlineCallbacks
    def stopService(self) -> Any:
        """Send nothing more, and keep what clients have been told."""
        yield super().stopService()
        for user in self._users.values():
            for delivery in user.deliveries.values():
                delivery.stop()
        self._users.clear()
        yield self._told.stop()
        yield self._poster.stop()

    def _changed(self, number: int, *, known: bool = False) -> None:
        """A user's PushSubscriptions are others.

        :param known: whether that is of interest only where they have some.
        """
        if not self.running or (known and number not in self._users):
            return
        user = self._users.setdefault(number, _User())
        user.stale = user.reading
        if not user.reading:
            self._read(number, user)

    def _read(self, number: int, user: _User) -> None:
        def read(reply: Reply) -> None:
            user.reading = False
            if user.stale:
                self._changed(number)
            else:
                self._take(number, user, [Subscribed(**one) for one in reply.arguments["subscriptions"]])

        user.reading = True
        self._ask("push_list", {"user": number}, read, partial(self._read, number, user))

    def _accesses_changed(self, number: int) -> None:
        user = self._users.get(number)
        for delivery in user.deliveries.values() if user else ():
            delivery.accesses_changed()

    def _take(self, number: int, user: _User, found: list[Subscribed]) -> None:
        """These are all of a user's."""
        if not self.running:
            return
        user.subscriptions = {one.number: one for one in found}
        for gone in user.deliveries.keys() - user.subscriptions.keys():
            user.deliveries.pop(gone).stop()
        for one in found:
            if one.verified:
                self._deliver(number, user, one)
            elif one.code is not None and one.number not in user.codes:
                self._send_code(number, user, one)
        if not found:
            del self._users[number]

    def _deliver(self, number: int, user: _User, one: Subscribed) -> None:
        types = None if one.types is None else frozenset(one.types)
        before = user.deliveries.get(one.number)
        if before is not None:
            if before.types != types:
                before.tell_of(types)
            return

        note = partial(self._told.note, one.number)
        gone = partial(self._erase, number, one)
        post = partial(self._post, user, one.number)
        delivery = Delivery(
            self._clock, self._pool, self._hub, self._throttle, number, types, one.told, post, gone, note
        )
        user.deliveries[one.number] = delivery
        delivery.begin()

    @inlineCallbacks
    def _send_code(self, number: int, user: _User, one: Subscribed) -> Any:
        """Send a code, once and for all: whether it came shows when the client says it."""
        verification = {
            "@type": "PushVerification",
            "pushSubscriptionId": one.id,
            "verificationCode": one.code,
        }
        user.codes.add(one.number)
        try:
            # kept right before it is sent: nothing further may go to this URL, whatever happens
            mark = partial(self._pool.perform, "push_code", {"subscription": one.number})
            outcome = yield self._post(user, one.number, orjson.dumps(verification), mark)
        except OperationRefused:
            # whether it has been sent is known when the workers can be asked again
            self._clock.callLater(RETRY_SECONDS, self._changed, number, known=True)
        except Exception:
            _log.failure("a verification code could not be sent")
        else:
            if outcome.is_gone:
                self._erase(number, one)
            elif not outcome.is_taken:
                why = outcome.why or f"the answer was {outcome.status}"
                _log.info("the verification code of the PushSubscription {id} was not taken: {why}", id=one.id, why=why)
        finally:
            user.codes.discard(one.number)

    @inlineCallbacks
    def _post(self, user: _User, number: int, message: bytes, mark: Callable[[], Deferred[Any]] | None = None) -> Any:
        """Send a message to a PushSubscription that is there still.

        :param mark: called when it is about to be sent; it is not where this fails.
        """
        yield user.posting.acquire()
        try:
            one = user.subscriptions.get(number)
            left = 0.0 if one is None else one.ends / 1000 - time_of_day(self._clock)
            if one is None or left <= 0 or not self.running:
                return Outcome(0, why="it has ended")
            if mark is not None:
                yield mark()
            outcome = yield self._poster.post(one.url, one.keys, message, min(int(left), TTL))
            return outcome
        finally:
            user.posting.release()

    def _erase(self, user: int, one: Subscribed) -> None:
        """Nobody is at a PushSubscription's URL any more."""

        def erased(_: Reply) -> None:
            _log.info("the PushSubscription {id} is destroyed: nobody is at its URL", id=one.id)

        self._ask("push_gone", {"user": user, "subscription": one.number}, erased, partial(self._erase, user, one))
