"""Passwords checked against their hashes, beside the reactor and never many at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from argon2 import PasswordHasher
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from jmapd.auth import hashes

THREADS = 2
MAX_WAITING = 100

Result = TypeVar("Result")


class Busy(Exception):
    """So many passwords wait to be checked that this one is not."""


class Passwords:
    """Checks passwords in threads of its own; argon2 and bcrypt let the interpreter go meanwhile.

    SHA512-crypt is a loop in Python, which shares it: whoever comes with such a hash slows the reactor down a little,
    but for the one login after which their hash is argon2's.
    """

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
        return self._in_thread(self._verify, hash, password)

    def hash(self, password: str) -> Deferred[str]:
        """Make the hash that the store shall keep of a password.

        :raises Busy: where too many wait already.
        """
        return self._in_thread(self._hasher.hash, password)

    def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Deferred[Result]:
        if self._waiting >= MAX_WAITING:
            raise Busy
        self._waiting += 1

        def done(result: Any) -> Any:
            self._waiting -= 1
            return result

        worked: Deferred[Result] = deferToThreadPool(self._reactor, self._threads, work, *arguments)
        return worked.addBoth(done)

    def _verify(self, hash: str | None, password: str) -> bool:
        if hash is None and self._nobody is None:
            self._nobody = self._hasher.hash("nobody's")
        right = hashes.verify(hash or self._nobody or "", password)
        return right and hash is not None
