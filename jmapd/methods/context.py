"""What a method call works with: the store, who asks, what earlier calls made, and what has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import attrs

from jmapd.methods.arguments import Arguments
from jmapd.protocol import statechange
from jmapd.protocol.errors import MethodError, SetError, invalid_arguments
from jmapd.protocol.limits import MAX_PUSH_SUBSCRIPTIONS, Limits, UploadBounds
from jmapd.store import accounts, users
from jmapd.store.accounts import Access
from jmapd.store.changes import AccountChanges
from jmapd.store.store import Store

MAX_RESPONSE = 64_000_000
"""Octets, about, of what the calls of one Request may answer in all."""


class NeedsWriter(Exception):
    """A reader has met a method that writes: the whole Request belongs to the writer."""


class UserUnknown(Exception):
    """The user is there no more."""


@attrs.frozen
class Wanted:
    """Work that must not be done inside a write transaction, asked of a reader.

    :param key: names it within its Request.
    :param arguments: of the operation "prepare".
    """

    key: str
    arguments: Mapping[str, Any]


class NeedsPreparation(Exception):
    """The Request cannot go on before all of this is prepared; it is run again with the results."""

    def __init__(self, wanted: list[Wanted]) -> None:
        super().__init__(wanted)
        self.wanted = wanted


@attrs.frozen
class PreparedMessage:
    """What a reader has made of a message.

    :param hash: of the message's blob.
    :param size: its octets.
    :param data: its bytes where it is small and perhaps not stored yet; a large one's file is written.
    :param reading: `jmapd.message.prepare.Prepared`, packed.
    """

    hash: bytes
    size: int
    data: bytes | None
    reading: bytes


@attrs.define(eq=False)
class Scope:
    """One account, as the calls of one Request see it."""

    access: Access
    changes: AccountChanges
    epoch: str

    @property
    def number(self) -> int:
        """The account's number in the store."""
        return self.access.account

    def state(self, type: str) -> str:
        """The state string of a data type."""
        return statechange.state(self.epoch, self.changes.state(type))


@attrs.define(eq=False)
class Context:
    """One Request under way.

    :param user: whose Request it is.
    :param now: milliseconds since 1970.
    :param uploads: bounds of what nothing refers to.
    :param credential: what the user has proved who they are with.
    :param max_push_subscriptions: how many a user may have.
    :param using: the capabilities that the client has opted in to.
    :param writing: whether this process may write.
    :param unwritable: what each call gets that would write, where the store takes nothing.
    :param read_only: whether the credential lets the user change nothing.
    :param created_ids: for each creation id the Id made for it.
    :param prepared: what has been prepared for this Request, by key.
    :param changed: for each account id, for each type changed, its new modseq.
    :param read: the same for the types whose state was read.
    :param push_subscriptions_changed: whether the user's PushSubscriptions are others, perhaps.
    :param fresh: the hashes of blobs that this transaction has stored, which other processes cannot see yet.
    :param wanting: what turned out to be missing under way: the call comes to nothing, and is made again with it.
    :param made: what the current call says of the objects that it made, by number, as long as they may get others.
    :param implicit: calls that the current one makes in turn: their responses follow its own (RFC 8620 section 5.4).
    :param room: octets that the Response may still grow by.
    """

    store: Store
    limits: Limits
    user: int
    now: int
    uploads: UploadBounds = UploadBounds()
    credential: str = users.PASSWORD
    max_push_subscriptions: int = MAX_PUSH_SUBSCRIPTIONS
    using: frozenset[str] = frozenset()
    writing: bool = False
    unwritable: MethodError | None = None
    read_only: bool = False
    created_ids: dict[str, str] = attrs.field(factory=dict)
    prepared: Mapping[str, PreparedMessage | SetError] = attrs.field(factory=dict)
    changed: dict[str, dict[str, int]] = attrs.field(factory=dict)
    read: dict[str, dict[str, int]] = attrs.field(factory=dict)
    push_subscriptions_changed: bool = False
    fresh: set[bytes] = attrs.field(factory=set)
    wanting: list[Wanted] = attrs.field(factory=list)
    made: dict[int, dict[str, Any]] = attrs.field(factory=dict)
    implicit: list[tuple[str, dict[str, Any]]] = attrs.field(factory=list)
    room: int = MAX_RESPONSE
    _scopes: dict[str, Scope] = attrs.field(factory=dict)
    _accesses: dict[str, Access] | None = None

    def session_state(self, digest: str) -> str:
        """The state of the user's Session object, which is another one for another scope.

        :param digest: of everything in it that the configuration says.
        :raises UserUnknown: where the user has been deleted meanwhile.
        """
        counter = users.session_counter(self.store.database, self.user)
        if counter is None:
            raise UserUnknown
        scope = "read-only" if self.read_only else "all"
        text = f"{digest} {self.store.epoch} {self.user} {counter} {scope}"
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def this_second(self) -> int:
        """The present as dates of Emails have it: most have no fractions, and one that had would sort before them."""
        return self.now // 1000 * 1000

    @property
    def accesses(self) -> dict[str, Access]:
        """The accounts that the user may see, by their Id; to a credential that is read-only they are too."""
        if self._accesses is None:
            seen = accounts.accesses(self.store.database, self.user)
            if self.read_only:
                seen = [attrs.evolve(one, read_only=True) for one in seen]
            self._accesses = {one.id: one for one in seen}
        return self._accesses

    def scope(self, arguments: Arguments, *, write: bool = False, name: str = "accountId") -> Scope:
        """The account that a call names.

        :param write: whether the call would change it.
        :raises MethodError: ``invalidArguments``, ``accountNotFound`` or ``accountReadOnly``.
        """
        id = arguments.required(name)
        if not isinstance(id, str):
            raise invalid_arguments(f"{name} must be an Id.")
        access = self.accesses.get(id)
        if access is None:
            raise MethodError(
                "accountNotFound", f"There is no account {id[:200]!r} that you can see; the Session lists yours."
            )
        if write and access.read_only:
            raise MethodError("accountReadOnly")
        return self.scope_of(access)

    def scope_of(self, access: Access) -> Scope:
        """An account that the user may see."""
        id = access.id
        if id not in self._scopes:
            changes = AccountChanges.open(self.store.database, access.account)
            self._scopes[id] = Scope(access, changes, self.store.epoch)
            changes.read_states = self.read.setdefault(id, {})
        return self._scopes[id]

    def finish_call(self) -> None:
        """A writing call has done its work: keep what it changed.

        :raises NeedsPreparation: where something was missing for that.
        """
        if self.wanting:
            raise NeedsPreparation(self.wanting)
        for id, scope in self._scopes.items():
            scope.changes.save()
            if scope.changes.new_states:
                self.changed.setdefault(id, {}).update(scope.changes.new_states)
                self.read[id].update(scope.changes.new_states)
        self._scopes.clear()
        self.made.clear()

    def abandon_call(self) -> None:
        """A writing call has failed: nothing of it is there any more."""
        self._scopes.clear()
        self.made.clear()
        self.implicit.clear()

    def add_blob(self, hash: bytes, size: int, data: bytes | None) -> None:
        """Name a blob in the store, as `jmapd.store.blobs.Blobs.add` does."""
        self.store.blobs.add(self.store.database, hash, size, data)
        self.fresh.add(hash)

    def spend(self, octets: int) -> None:
        """Count what goes into the Response.

        :raises MethodError: ``requestTooLarge`` where it would be larger than one Response may be.
        """
        self.room -= octets
        if self.room < 0:
            raise MethodError("requestTooLarge", "The response would be too large; ask for less at once.")

    def referred(self, id: str) -> str | None:
        """The Id itself, or for ``#`` and a creation id the Id made for it; ``None`` where none was."""
        return self.created_ids.get(id[1:]) if id.startswith("#") else id
