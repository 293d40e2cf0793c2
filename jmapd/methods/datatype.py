"""What a data type tells the standard methods of itself: its descriptor (RFC 8620 section 5)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

import attrs

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.registry import Method
from jmapd.store.changes import Changed


class Getter(Protocol):
    """Reads objects of a type for one /get call."""

    def all(self) -> Sequence[int]:
        """The numbers of all objects there are."""

    def fetch(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Those objects that there are, each with its number, JSON-ready."""


class Setter(Protocol):
    """Changes objects of a type for one /set call. Each of the three raises `SetError` and has then done nothing."""

    def create(self, creation_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        """Make an object; returns its Id and what else the client cannot know of it."""

    def update(self, number: int, patch: dict[str, Any]) -> dict[str, Any] | None:
        """Change an object; returns what changed that the client did not ask for."""

    def destroy(self, number: int) -> None:
        """Remove an object."""

    def finish(self) -> None:
        """All objects are done: write what was gathered."""


class Copier(Protocol):
    """Copies objects of a type from one account to another for one /copy call."""

    def copy(self, number: int, properties: dict[str, Any]) -> dict[str, Any]:
        """Copy an object; returns its Id and what else the client cannot know of it.

        :param properties: what the copy has in place of what the original has.
        :raises SetError: where nothing has been done.
        """

    def finish(self) -> None:
        """All objects are done: write what was gathered."""


class Results(Protocol):
    """What a /query has found, in order."""

    @property
    def can_calculate_changes(self) -> bool:
        """Whether /queryChanges could say what became of them."""

    def total(self) -> int:
        """How many there are."""

    def page(self, position: int, limit: int) -> list[str]:
        """The Ids from a position on."""

    def position_of(self, id: str) -> int | None:
        """Where an Id is among them."""

    def walk(self) -> Iterator[int]:
        """The numbers of all of them, in order."""

    @property
    def immutable(self) -> bool:
        """Whether filter and sort look only at what never changes of an object."""

    def with_related(self, changed: Changed, since: int) -> Changed:
        """What changed, with the objects whose place among the results may be another because of that.

        :param since: the modseq since which it has.
        :raises MethodError: ``cannotCalculateChanges`` where these are too many.
        """


@attrs.frozen
class DataType:
    """A data type.

    :param name: as clients and pushes name it.
    :param capability: what ``using`` must name for its methods.
    :param properties: all properties in the order they are shown, those first that /get gives unasked.
    :param is_property: whether a name is a property, for types that have more than they can list.
    :param id_of: the Id of an object's number.
    :param number_of: the number of an Id in an account, or ``None`` where it cannot be one.
    :param getter: makes a `Getter` for an account, the properties wanted and the call's arguments.
    :param get_arguments: the names of /get's arguments beyond the standard ones.
    :param setter: makes a `Setter` for an account and the call's arguments, if the type has /set.
    :param set_arguments: the names of /set's arguments beyond the standard ones.
    :param copier: makes a `Copier` for the account copied from, the one copied to and the numbers of the objects, if
        the type has /copy.
    :param query: finds objects, if the type has /query.
    :param query_arguments: the names of /query's arguments beyond the standard ones.
    :param conditions: the properties that a FilterCondition of its may have.
    :param sort_properties: those that a Comparator may name.
    :param has_changes: whether the type has /changes.
    :param changes_extra: further members of the /changes response.
    :param other_methods: its methods that are not standard ones.
    """

    name: str
    capability: str
    properties: Sequence[str]
    id_of: Callable[[int], str]
    number_of: Callable[[int, str], int | None]
    getter: Callable[[Context, Scope, Sequence[str], Arguments], Getter]
    is_property: Callable[[str], bool] | None = None
    get_arguments: Sequence[str] = ()
    default_properties: Sequence[str] | None = None
    setter: Callable[[Context, Scope, Arguments], Setter] | None = None
    set_arguments: Sequence[str] = ()
    copier: Callable[[Context, Scope, Scope, Sequence[int]], Copier] | None = None
    query: Callable[[Context, Scope, Arguments], Results] | None = None
    query_arguments: Sequence[str] = ()
    conditions: Collection[str] = ()
    sort_properties: Collection[str] = ()
    has_changes: bool = True
    changes_extra: Callable[[Changed], Mapping[str, Any]] | None = None
    other_methods: Sequence[Method] = ()
