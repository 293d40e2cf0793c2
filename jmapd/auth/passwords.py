"""Passwords checked against their argon2 hashes, beside the reactor and never many at a time."""

from __future__ import annotations

from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

THREADS = 2
MAX_WAITING = 100


class Busy(Exception):
    """So many passwords wait to be checked that this one is not."""


class Passwords:
    """Checks passwords in threads of its own; argon2 lets the interpreter go meanwhile."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._threads = ThreadPool(0, THREADS, "passwords")
        self._hasher = PasswordHasher()
        self._waiting = 0
        # somebody unknown costs as much as somebody known
        self._nobody: str | None = None

    def start(self) -> None:
        """Be ready to start threads."""
        self._threads.start()

    def stop(self) -> None:
        """End the threads when they have done what they were given."""
        self._threads.stop()

    def verify(self, hash: str | None, password: str) -> Deferred[bool]:
        """Check a password.

        :param hash: of the right one; ``None`` where there is no such user, which takes as long and is wrong.
        :raises Busy: where too many wait already.
        """
        if self._waiting >= MAX_WAITING:
            raise Busy
        self._waiting += 1

        def done(result: Any) -> Any:
            self._waiting -= 1
            return result

        verified: Deferred[bool] = deferToThreadPool(self._reactor, self._threads, self._verify, hash, password)
        return verified.addBoth(done)

    def _verify(self, hash: str | None, password: str) -> bool:
        if hash is None and self._nobody is None:
            self._nobody = self._hasher.hash("nobody's")
        try:
            self._hasher.verify(hash or self._nobody or "", password)
        except (Argon2Error, InvalidHashError):
            return False
        return hash is not None
