"""The VacationResponse type's descriptor (RFC 8621 sections 8.1 and 8.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from jmapd.datatypes.objects import check, is_boolean, is_string_or_null, is_utc_date_or_null
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.datatype import DataType
from jmapd.protocol import patch
from jmapd.protocol.capabilities import VACATION_RESPONSE
from jmapd.protocol.errors import SetError
from jmapd.store import objects, replies
from jmapd.store.database import Database

NAME = "VacationResponse"
ID = "singleton"

_NUMBER = 1
_DEFAULTS: dict[str, Any] = {
    "isEnabled": False,
    "fromDate": None,
    "toDate": None,
    "subject": None,
    "textBody": None,
    "htmlBody": None,
}
_KINDS = {
    "isEnabled": is_boolean,
    "fromDate": is_utc_date_or_null,
    "toDate": is_utc_date_or_null,
    "subject": is_string_or_null,
    "textBody": is_string_or_null,
    "htmlBody": is_string_or_null,
}


def read(database: Database, account: int) -> objects.Object:
    """The VacationResponse of an account, without its Id."""
    return {**_DEFAULTS, **objects.all_of(database, account, NAME).get(_NUMBER, {})}


@attrs.frozen
class VacationResponse:
    """Its /get and /set for one account: there is always one, as it is by default until it is set."""

    context: Context
    scope: Scope
    properties: Sequence[str] = ()

    def all(self) -> list[int]:
        """The number of the one there is."""
        return [_NUMBER]

    def fetch(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """The one there is."""
        if numbers:
            value = {"id": ID, **self._current()}
            yield _NUMBER, {name: value[name] for name in self.properties}

    def create(self, creation_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        """There can be no other one."""
        raise SetError("singleton")

    def update(self, number: int, changes: dict[str, Any]) -> None:
        """Set it."""
        current = self._current()
        touched = patch.apply(changes, current)
        given = {name: _DEFAULTS.get(name) if value is None else value for name, value in touched.items()}
        check(given, _KINDS, fixed={})
        if {**current, **given} == current:
            return
        database, account = self.context.store.database, self.scope.number
        is_first = not objects.all_of(database, account, NAME)
        objects.put(database, account, NAME, _NUMBER, {**current, **given})
        replies.forget_all(database, account)
        if is_first:
            self.scope.changes.made(NAME, _NUMBER)
        else:
            self.scope.changes.updated(NAME, _NUMBER)

    def destroy(self, number: int) -> None:
        """It stays."""
        raise SetError("singleton")

    def finish(self) -> None:
        """Nothing was gathered."""

    def _current(self) -> objects.Object:
        return read(self.context.store.database, self.scope.number)


def _open(context: Context, scope: Scope, properties: Sequence[str], _: Arguments) -> VacationResponse:
    return VacationResponse(context, scope, properties)


VACATION_RESPONSE_TYPE = DataType(
    name=NAME,
    capability=VACATION_RESPONSE,
    properties=("id", *_DEFAULTS),
    id_of=lambda number: ID,
    number_of=lambda account, id: _NUMBER if id == ID else None,
    getter=_open,
    setter=lambda context, scope, arguments: VacationResponse(context, scope),
    has_changes=False,
)
