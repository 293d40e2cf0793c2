"""Guessing is slowed, much as Dovecot does it: who was wrong waits before the next attempt, longer each time.

Attempts are counted for the address they come from and for the user they are about. Before an attempt is checked it
passes the gates of both. A gate that has seen a failure lets one attempt through at a time, and not before its delay
is over; one that has not lets a few through together, so that many guesses at once gain nothing.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall

from jmapd.observe.metrics import Metrics

FIRST_DELAY = 2.0
"""Seconds after the first failure; each further one doubles it."""

LONGEST_DELAY = 15.0

FORGET = 60.0
"""Seconds without a failure after which there was none."""

TOGETHER = 4
"""Attempts that a gate without failures lets through at a time."""

PATIENCE = 30.0
"""Seconds for which an attempt may wait."""

MAX_WAITING = 1000
MAX_WAITING_AT_GATE = 100
MAX_WAITING_SLOWED = 5
"""Attempts that wait in all, at one gate, and at one that has seen a failure."""

MAX_GATES = 20_000
MAX_KNOWN = 10_000
_MAX_WRONG = 10
_MAX_NAME = 320
_OF_CUSTOMER = 64
"""Bits of an IPv6 address that tell one customer's network from another's."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Slowed(Exception):
    """An attempt is not checked, because too many wait already or it has waited too long.

    :param retry_after: seconds after which another may be made.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


@attrs.define(eq=False)
class _Gate:
    """What all attempts of one address, or for one user, pass.

    :param last: when the last failure was.
    :param running: attempts that are being checked.
    :param waiting: attempts that wait here.
    :param wrong: what was wrong of late.
    """

    failures: int = 0
    last: float = 0.0
    running: int = 0
    waiting: int = 0
    wrong: list[bytes] = attrs.field(factory=list)

    def is_idle(self) -> bool:
        return not self.running and not self.waiting

    def has_room(self) -> bool:
        return self.waiting < (MAX_WAITING_SLOWED if self.failures else MAX_WAITING_AT_GATE)

    def is_full(self) -> bool:
        return self.running >= (1 if self.failures else TOGETHER)

    def failed(self, wrong: bytes, now: float) -> None:
        if wrong not in self.wrong:
            self.failures += 1
            self.last = now
            self.wrong = [*self.wrong[1 - _MAX_WRONG :], wrong]


@attrs.define(eq=False)
class Attempt:
    """An attempt that is being checked: one of its methods is to be called when that is done."""

    _penalty: Penalty
    _gates: list[_Gate]
    _pair: tuple[str, str] | None

    def right(self) -> None:
        """It was right."""
        self._penalty.ended(self._gates, known=self._pair)

    def wrong(self, digest: bytes) -> None:
        """It was wrong.

        :param digest: tells what was wrong from all else; the same again is not counted again.
        """
        self._penalty.ended(self._gates, wrong=digest, unknown=self._pair)

    def dropped(self) -> None:
        """It could not be found out."""
        self._penalty.ended(self._gates)


@attrs.define(eq=False)
class _Waiting:
    gates: list[_Gate]
    pair: tuple[str, str] | None
    until: float
    done: Deferred[Attempt] = attrs.field(factory=Deferred)


class Penalty:
    """All gates, and who waits before them.

    :param reactor: tells the time.
    :param longest: seconds of the longest delay; 0: nobody waits.
    :param exempt: networks whose addresses have no gate; the users' gates are before them too.
    :param metrics: count attempts that are slowed or refused.
    """

    def __init__(
        self,
        reactor: Any,
        longest: float = LONGEST_DELAY,
        exempt: Iterable[Network] = (),
        metrics: Metrics | None = None,
    ) -> None:
        self._reactor = reactor
        self.longest = longest
        self.exempt = tuple(exempt)
        self._metrics = metrics or Metrics()
        self._gates: OrderedDict[str, _Gate] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._waiting: dict[_Waiting, None] = {}
        self._timer: IDelayedCall | None = None
        self._looking = False

    def admit(self, address: str, name: str | None) -> Deferred[Attempt]:
        """Let an attempt be checked when it is its turn.

        :param address: the client's; one that is none, such as that of a local socket, has no gate.
        :param name: of the user; ``None`` where nobody can be guessed. Somebody who has been right from this address
            does not wait for what others do from elsewhere.
        :returns: fires when it may be checked, or fails with `Slowed`.
        """
        if not self.longest:
            return succeed(Attempt(self, [], None))
        place, user = self._place(address), None if name is None else name.casefold()[:_MAX_NAME]
        pair = None if place is None or user is None else (place, user)
        keys = [f"address {place}"] if place is not None else []
        if user is not None and pair not in self._known:
            keys.append(f"user {user}")
        waiting = _Waiting([self._gate(key) for key in keys], pair, self._reactor.seconds() + PATIENCE)
        if not any(gate.waiting for gate in waiting.gates) and self._opens(waiting) == 0:
            return succeed(self._begin(waiting))
        return self._wait(waiting)

    def _wait(self, waiting: _Waiting) -> Deferred[Attempt]:
        if len(self._waiting) >= MAX_WAITING or not all(gate.has_room() for gate in waiting.gates):
            self._refuse(waiting)
            return waiting.done
        if any(gate.failures for gate in waiting.gates):
            self._metrics.signed_in("slowed")
        self._waiting[waiting] = None
        for gate in waiting.gates:
            gate.waiting += 1
        self._look()
        return waiting.done

    def ended(
        self,
        gates: list[_Gate],
        wrong: bytes | None = None,
        known: tuple[str, str] | None = None,
        unknown: tuple[str, str] | None = None,
    ) -> None:
        """An attempt has been checked."""
        for gate in gates:
            gate.running -= 1
            if wrong is not None:
                gate.failed(wrong, self._reactor.seconds())
        if unknown is not None:
            self._known.pop(unknown, None)
        if known is not None:
            self._known[known] = None
            self._known.move_to_end(known)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        self._look()

    def _look(self) -> None:
        """Let go whose turn has come and whose patience is over, and look again when the next one's is."""
        if self._looking:
            # somebody who was let go has ended at once; whoever let them go looks on
            return
        self._looking = True
        while any(self._let_go(waiting) for waiting in list(self._waiting)):
            pass
        self._looking = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._waiting:
            now = self._reactor.seconds()
            wait = min(min(self._opens(one) or PATIENCE, one.until - now) for one in self._waiting)
            self._timer = self._reactor.callLater(max(wait, 0), self._look)

    def _let_go(self, waiting: _Waiting) -> bool:
        """Let an attempt be checked, or refused, if it is time; whether it was."""
        if self._opens(waiting) == 0:
            self._leave(waiting)
            waiting.done.callback(self._begin(waiting))
            return True
        if waiting.until <= self._reactor.seconds():
            self._leave(waiting)
            self._refuse(waiting)
            return True
        return False

    def _opens(self, waiting: _Waiting) -> float | None:
        """Seconds until all gates are open, as far as that is a matter of time; ``None`` where others are in them."""
        now = self._reactor.seconds()
        longest = 0.0
        for gate in waiting.gates:
            self._forget(gate, now)
            if gate.is_full():
                return None
            if gate.failures:
                longest = max(longest, gate.last + self._delay(gate) - now)
        return longest

    def _begin(self, waiting: _Waiting) -> Attempt:
        for gate in waiting.gates:
            gate.running += 1
        return Attempt(self, waiting.gates, waiting.pair)

    def _leave(self, waiting: _Waiting) -> None:
        del self._waiting[waiting]
        for gate in waiting.gates:
            gate.waiting -= 1

    def _refuse(self, waiting: _Waiting) -> None:
        self._metrics.signed_in("refused")
        waiting.done.errback(Slowed(max([1.0, *(self._delay(gate) for gate in waiting.gates)])))

    def _delay(self, gate: _Gate) -> float:
        # no more than the longest is ever needed of the power
        return min(self.longest, FIRST_DELAY * 2 ** min(gate.failures - 1, 20)) if gate.failures else 0.0

    def _forget(self, gate: _Gate, now: float) -> None:
        if gate.failures and now - gate.last >= max(FORGET, 2 * self.longest):
            gate.failures = 0
            gate.wrong = []

    def _gate(self, key: str) -> _Gate:
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = _Gate()
            self._make_room()
        self._gates.move_to_end(key)
        return gate

    def _make_room(self) -> None:
        """Forget who was here the longest time ago, but nobody who is here now."""
        for key in list(islice(self._gates, max(0, len(self._gates) - MAX_GATES))):
            if self._gates[key].is_idle():
                del self._gates[key]

    def _place(self, address: str) -> str | None:
        """What counts as one address: all that one customer has of IPv6."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return None
        if isinstance(found, ipaddress.IPv6Address):
            found = found.ipv4_mapped or found
        if any(found in network for network in self.exempt):
            return None
        if isinstance(found, ipaddress.IPv6Address):
            return str(ipaddress.IPv6Network((int(found), _OF_CUSTOMER), strict=False))
        return str(found)
