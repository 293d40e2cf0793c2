"""A pool without workers: echoes Requests, knows one user, keeps blobs in memory; what it promises the real one does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import orjson
from argon2 import PasswordHasher
from twisted.internet.defer import Deferred, fail, succeed

from jmapd.auth import token
from jmapd.protocol.limits import Limits
from jmapd.protocol.statechange import Modseqs
from jmapd.protocol.subprotocol import Binding
from jmapd.workers.pool import Answer, OperationRefused, Origin, Reply

USER, NAME, PASSWORD = 7, "anna@localhost", "pässword:with colon"
ACCOUNT, EPOCH = "aaa", "e1"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@attrs.define(eq=False)
class Asked:
    """A Request that waits for its answer."""

    origin: Origin
    request: bytes
    binding: Binding
    done: Deferred[Answer]
    cancelled: bool = False


@attrs.define(eq=False, slots=False)
class FakePool:
    """Answers at once, but for what it was told to hold back.

    :param echoing: whether Requests are answered; else they wait in `asked`.
    """

    echoing: bool = True
    limits: Limits = Limits()
    asked: list[Asked] = attrs.field(factory=list)
    performed: list[tuple[str, dict[str, Any]]] = attrs.field(factory=list)
    held: dict[str, list[Deferred[None]]] = attrs.field(factory=dict)
    states: dict[str, dict[str, int]] = attrs.field(factory=lambda: {ACCOUNT: {"Email": 5, "Mailbox": 3}})
    blobs: dict[str, bytes] = attrs.field(factory=dict)
    uploads: dict[str, bytes] = attrs.field(factory=dict)
    hash: str = HASH
    tokens: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    released_times: int = 0
    credentials_changed: list[Callable[[int, str | None], None]] = attrs.field(factory=list)
    accesses_changed: list[Callable[[int], None]] = attrs.field(factory=list)

    def submit(self, origin: Origin, request: bytes, binding: Binding) -> Deferred[Answer]:
        def cancel(_: Deferred[Answer]) -> None:
            asked.cancelled = True

        asked = Asked(origin, request, binding, Deferred(cancel))
        self.asked.append(asked)
        if self.echoing:
            self.answer(asked)
        return asked.done

    def answer(self, asked: Asked, body: bytes | None = None) -> None:
        asked.done.callback(Answer(200, body or b'{"@type":"Response","echo":%d}' % len(asked.request)))

    def released(self) -> None:
        self.released_times += 1

    def hold(self, operation: str) -> None:
        """Let an operation wait until `let_go`."""
        self.held[operation] = []

    def let_go(self, operation: str) -> None:
        for waiting in self.held.pop(operation):
            waiting.callback(None)

    def perform(self, operation: str, arguments: dict[str, Any], body: bytes = b"") -> Deferred[Reply]:
        self.performed.append((operation, arguments))
        if operation not in self.held:
            return self._done(operation, arguments, body)
        waiting: Deferred[None] = Deferred()
        self.held[operation].append(waiting)
        return waiting.addCallback(lambda _: self._done(operation, arguments, body))

    def _done(self, operation: str, arguments: dict[str, Any], body: bytes) -> Deferred[Reply]:
        try:
            return succeed(getattr(self, f"_{operation}")(arguments, body))
        except OperationRefused:
            return fail()

    def _credentials(self, arguments: dict[str, Any], body: bytes) -> Reply:
        if arguments["name"].lower() not in (NAME, NAME.partition("@")[0]):
            raise OperationRefused("notFound", "nobody")
        return Reply({"user": USER, "name": NAME, "hash": self.hash, "credential": "password"}, b"")

    def make_token(self, id: str, *, read_only: bool = False, expires: float | None = None) -> str:
        """A token of the one user."""
        secret = token.make()
        kept = {"credential": f"token:{id}", "read_only": read_only, "expires": expires}
        self.tokens[token.hashed(secret)] = {"user": USER, "name": NAME, **kept}
        return secret

    def change(self, credential: str | None, user: int = USER) -> None:
        """A credential is another or gone."""
        for changed in self.credentials_changed:
            changed(user, credential)

    def _token(self, arguments: dict[str, Any], body: bytes) -> Reply:
        found = self.tokens.get(arguments["hash"])
        if found is None or arguments["name"] not in (None, NAME):
            raise OperationRefused("notFound", "no such token")
        return Reply(found, b"")

    def _hash_renew(self, arguments: dict[str, Any], body: bytes) -> Reply:
        if self.hash == arguments["old"]:
            self.hash = arguments["new"]
        return Reply({}, b"")

    def _session(self, arguments: dict[str, Any], body: bytes) -> Reply:
        return Reply({}, orjson.dumps({"username": NAME, "apiUrl": f"{arguments['url']}/jmap/api/"}))

    def _states(self, arguments: dict[str, Any], body: bytes) -> Reply:
        states: Modseqs = {account: dict(types) for account, types in self.states.items()}
        return Reply({"epoch": EPOCH, "accounts": states}, b"")

    def _upload_append(self, arguments: dict[str, Any], body: bytes) -> Reply:
        self.uploads[arguments["upload"]] = self.uploads.get(arguments["upload"], b"") + body
        return Reply({}, b"")

    def _upload_drop(self, arguments: dict[str, Any], body: bytes) -> Reply:
        del self.uploads[arguments["upload"]]
        return Reply({}, b"")

    def _upload_finish(self, arguments: dict[str, Any], body: bytes) -> Reply:
        self._seen(arguments)
        data = self.uploads.pop(arguments["upload"], b"") + body
        self.blobs["B1"] = data
        return Reply({"size": len(data)}, b"")

    def _upload_record(self, arguments: dict[str, Any], body: bytes) -> Reply:
        return Reply({"blobId": "B1"}, b"")

    def _seen(self, arguments: dict[str, Any]) -> None:
        if arguments["account"] != ACCOUNT:
            raise OperationRefused("notFound", "no such account")

    def _blob_open(self, arguments: dict[str, Any], body: bytes) -> Reply:
        self._seen(arguments)
        if arguments["blob"] not in self.blobs:
            raise OperationRefused("notFound", "no such blob")
        data = self.blobs[arguments["blob"]]
        place = {"hash": arguments["blob"], "encoding": None, "offset": 0, "length": len(data), "size": len(data)}
        return Reply(place, b"")

    def _blob_read(self, arguments: dict[str, Any], body: bytes) -> Reply:
        offset, length = arguments["offset"], min(arguments["length"], 65_536)
        place = {"offset": offset + length, "length": arguments["length"] - length}
        return Reply(place, self.blobs[arguments["hash"]][offset : offset + length])
