"""Identity: as whom a user sends mail (RFC 8621 section 6)."""

from __future__ import annotations

from typing import Any

import attrs

from jmapd.datatypes.objects import check, getter, is_addresses_or_null, is_string
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.datatype import DataType
from jmapd.protocol import ids, patch
from jmapd.protocol.capabilities import SUBMISSION
from jmapd.protocol.errors import SetError
from jmapd.store import objects
from jmapd.store.changes import AccountChanges
from jmapd.store.database import Database

NAME = "Identity"
ID_PREFIX = "i"

MAX_IDENTITIES = 100
"""Identities of an account."""

_DEFAULTS: dict[str, Any] = {
    "name": "",
    "replyTo": None,
    "bcc": None,
    "textSignature": "",
    "htmlSignature": "",
}
_KINDS = {
    "name": is_string,
    "replyTo": is_addresses_or_null,
    "bcc": is_addresses_or_null,
    "textSignature": is_string,
    "htmlSignature": is_string,
}


def identity_id(number: int) -> str:
    """The Identity's Id."""
    return ids.numbered(ID_PREFIX, number)


def identity_number(account: int, id: str) -> int | None:
    """The number of an Identity's Id, or ``None`` where it cannot be one."""
    return ids.number(ID_PREFIX, id)


def add_first(database: Database, changes: AccountChanges, email: str) -> None:
    """Make the Identity that each account has.

    :param email: the account's address.
    """
    number = changes.next()
    value = {**_DEFAULTS, "email": email, "mayDelete": False}
    objects.put(database, changes.account, NAME, number, value)
    changes.made(NAME, number)


@attrs.define(eq=False)
class IdentitySetter:
    """Identity/set for one account."""

    context: Context
    scope: Scope
    rows: dict[int, objects.Object]

    @classmethod
    def open(cls, context: Context, scope: Scope, arguments: Arguments) -> IdentitySetter:
        """Read the account's Identities."""
        return cls(context, scope, objects.all_of(context.store.database, scope.number, NAME))

    def create(self, creation_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        """Make an Identity; its address is the account's, for who may send as whom is not for its user to say."""
        check(properties, {**_KINDS, "email": is_string}, fixed={})
        if properties.get("email", "").casefold() != self.scope.access.name:
            raise SetError("forbiddenFrom", f"Identities of this account have the address {self.scope.access.name}.")
        if len(self.rows) >= MAX_IDENTITIES:
            raise SetError("overQuota", f"An account has at most {MAX_IDENTITIES} Identities.")
        number = self.scope.changes.next()
        self._put(number, {**_DEFAULTS, "mayDelete": True, **properties})
        self.scope.changes.made(NAME, number)
        unknown = {name: value for name, value in self.rows[number].items() if name not in properties}
        return {"id": identity_id(number), **unknown}

    def update(self, number: int, changes: dict[str, Any]) -> None:
        """Change an Identity; its address stays."""
        row = self._existing(number)
        touched = patch.apply(changes, row)
        given = {name: _DEFAULTS.get(name) if value is None else value for name, value in touched.items()}
        check(given, _KINDS, fixed={"email": row["email"], "mayDelete": row["mayDelete"]})
        if {**row, **given} != row:
            self._put(number, {**row, **given})
            self.scope.changes.updated(NAME, number)

    def destroy(self, number: int) -> None:
        """Remove an Identity, but not the one that the account came with."""
        if not self._existing(number)["mayDelete"]:
            raise SetError("forbidden", "Each account keeps this Identity.")
        objects.remove(self.context.store.database, self.scope.number, NAME, number)
        self.scope.changes.destroyed(NAME, number)
        del self.rows[number]

    def finish(self) -> None:
        """Nothing was gathered."""

    def _existing(self, number: int) -> objects.Object:
        if number not in self.rows:
            raise SetError("notFound")
        return self.rows[number]

    def _put(self, number: int, row: objects.Object) -> None:
        objects.put(self.context.store.database, self.scope.number, NAME, number, row)
        self.rows[number] = row


IDENTITY = DataType(
    name=NAME,
    capability=SUBMISSION,
    properties=("id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete"),
    id_of=identity_id,
    number_of=identity_number,
    getter=getter(NAME, identity_id),
    setter=IdentitySetter.open,
)
