"""Whose turn it is: each user's Requests run a few at a time, the others wait in order (RFC 8620 maxConcurrentRequests).

HTTP and WebSocket Requests of a user are counted together. A free reader goes to the waiting user who holds the
fewest; the writer takes what comes, since it does many at once. Short Requests of a user go to a reader together: it
runs one of them at a time, so they count as one.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from jmapd.auth.principal import Principal

MAX_WAITING = 1024
"""Requests of one user that may wait."""

MAX_WAITING_BYTES = 32 * 1024 * 1024
"""Their octets in all."""

SLOW = 0.1
"""Seconds after which a running Request keeps its user from the last free reader."""

TOGETHER = 64
"""Requests of a user that a reader is given at a time, at most."""

QUICK = 0.004
"""Seconds that they may take in all, as far as can be told from what that user's have taken lately."""

SHORT = 4096
"""Octets of such a Request."""

_MEMORY = 4
"""How many Requests "lately" is, about."""

_LEAST = 1e-5
"""Seconds."""


@attrs.define(eq=False)
class Origin:
    """A connection, as the pool sees it.

    :param principal: whom it acts for.
    :param held: whether its unsent bytes are above its high mark, so that none of its waiting Requests may start.
    """

    principal: Principal
    held: bool = False


@attrs.define(eq=False)
class Job:
    """Something that a worker is asked to do.

    :param writes: whether it is for the writer.
    :param origin: where a Request came from; ``None`` for operations of the front's own.
    :param attempts: how many workers have ended while it was their turn.
    :param asked: when it was asked.
    :param started: when it was given to a worker.
    :param rounds: how often it has been run again with something prepared.
    :param lead: the first of those that it was given to a reader with.
    """

    operation: str
    arguments: dict[str, Any]
    body: bytes
    done: Deferred[Any]
    writes: bool = False
    origin: Origin | None = None
    attempts: int = 0
    asked: float = 0.0
    started: float = 0.0
    rounds: int = 0
    lead: Job | None = None
    prepared: list[tuple[dict[str, Any], bytes]] = attrs.field(factory=list)


@attrs.define(eq=False)
class _User:
    """A user's Requests.

    :ivar leads: those running that were given to a worker first, and how many run that were given with each, itself too.
    :ivar lately: seconds that one of them takes, as the last few did.
    """

    waiting: deque[Job] = attrs.field(factory=deque)
    octets: int = 0
    running: dict[Job, None] = attrs.field(factory=dict)
    leads: dict[Job, int] = attrs.field(factory=dict)
    lately: float = QUICK

    @property
    def held(self) -> int:
        """How many of the user's Requests run at a time."""
        return len(self.leads)


@attrs.define(eq=False)
class Turns:
    """The Requests of all users, waiting and running.

    :param most: of one user's that may run at a time.
    """

    most: int
    _users: dict[int, _User] = attrs.field(factory=dict)
    _wanting: dict[int, None] = attrs.field(factory=dict)

    def add(self, job: Job) -> bool:
        """Let a Request wait for its turn; false where its user has too many or too much waiting."""
        assert job.origin is not None
        number = job.origin.principal.user
        user = self._users.get(number)
        if user is None:
            user = self._users[number] = _User()
        if len(user.waiting) >= MAX_WAITING or user.octets + len(job.body) > MAX_WAITING_BYTES:
            return False
        user.waiting.append(job)
        user.octets += len(job.body)
        self._wanting[number] = None
        return True

    def next_write(self, user: int) -> Job | None:
        """The user's next Request, if it is their turn and it is for the writer; it runs now."""
        return self._take(user, self._head(user), writes=True)

    def next_read(self, now: float, *, last_reader: bool) -> Job | None:
        """The next Request for a free reader; it runs now.

        :param last_reader: whether no other reader is free, so that users with a slow Request must wait.
        """
        best: tuple[int, int] | None = None
        for number in list(self._wanting):
            head = self._head(number)
            if head is None:
                del self._wanting[number]
                continue
            user = self._users[number]
            if head.writes or user.held >= self.most:
                continue
            if last_reader and any(now - job.started > SLOW for job in user.running if not job.writes):
                continue
            if best is None or user.held < best[0]:
                best = (user.held, number)
                if not user.held:
                    break
        if best is None:
            return None
        # whoever is served goes to the end of the line
        self._wanting.pop(best[1])
        self._wanting[best[1]] = None
        return self._take(best[1], self._head(best[1]), writes=False)

    def company(self, lead: Job) -> list[Job]:
        """What may go to a reader together with a Request that was just taken; it runs now."""
        assert lead.origin is not None
        user = self._users[lead.origin.principal.user]
        most = min(TOGETHER, int(QUICK / user.lately)) - 1
        fitting = []
        for job in islice(user.waiting, max(0, most)):
            if job.writes or len(job.body) > SHORT or job.origin is None or job.origin.held:
                break
            fitting.append(job)
        for job in fitting:
            self._run(user, job, lead)
        if not user.waiting:
            self._wanting.pop(lead.origin.principal.user, None)
        return fitting

    def took(self, job: Job, seconds: float) -> None:
        """A Request has taken so long."""
        user = None if job.origin is None else self._users.get(job.origin.principal.user)
        if user is not None:
            user.lately = max(_LEAST, user.lately + (seconds - user.lately) / _MEMORY)

    def given_back(self, jobs: list[Job]) -> None:
        """These have not been run: they are the next ones again."""
        for job in reversed(jobs):
            assert job.origin is not None
            user = self._users[job.origin.principal.user]
            self._let_go(user, job)
            user.waiting.appendleft(job)
            user.octets += len(job.body)
            self._wanting[job.origin.principal.user] = None

    def released(self) -> None:
        """Connections that were held may be so no more: look at all users with something waiting."""
        self._wanting.update((number, None) for number, user in self._users.items() if user.waiting)

    def waiting_users(self) -> list[int]:
        """The users with something waiting."""
        return list(self._wanting)

    @property
    def waiting(self) -> int:
        """How many Requests wait."""
        return sum(len(user.waiting) for user in self._users.values())

    def is_idle(self) -> bool:
        """Whether no Request waits or runs."""
        return not self._users

    def finished(self, job: Job) -> None:
        """A Request has been answered."""
        assert job.origin is not None
        number = job.origin.principal.user
        user = self._users[number]
        self._let_go(user, job)
        if not user.running and not user.waiting:
            del self._users[number]
            self._wanting.pop(number, None)

    def drop(self, job: Job) -> bool:
        """Forget a Request that still waits; false where it does not."""
        assert job.origin is not None
        user = self._users.get(job.origin.principal.user)
        if user is None or job not in user.waiting:
            return False
        user.waiting.remove(job)
        user.octets -= len(job.body)
        self.finished(job)
        return True

    def _head(self, number: int) -> Job | None:
        """The first Request of a user whose connection is not held."""
        user = self._users.get(number)
        if user is None:
            return None
        return next((job for job in user.waiting if job.origin is not None and not job.origin.held), None)

    def _take(self, number: int, job: Job | None, *, writes: bool) -> Job | None:
        if job is None or job.writes is not writes:
            return None
        user = self._users[number]
        if user.held >= self.most:
            return None
        self._run(user, job, job)
        if not user.waiting:
            self._wanting.pop(number, None)
        return job

    @staticmethod
    def _run(user: _User, job: Job, lead: Job) -> None:
        user.waiting.remove(job)
        user.octets -= len(job.body)
        user.running[job] = None
        job.lead = lead
        user.leads[lead] = user.leads.get(lead, 0) + 1

    @staticmethod
    def _let_go(user: _User, job: Job) -> None:
        """A Request runs no more; with the last of those that it was given with, the user's place is free."""
        lead, job.lead = job.lead, None
        if lead is None:
            return
        del user.running[job]
        if user.leads[lead] > 1:
            user.leads[lead] -= 1
        else:
            del user.leads[lead]
