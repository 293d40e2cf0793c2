"""/set, for every data type (RFC 8620 section 5.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import attrs

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.datatype import DataType, Setter
from jmapd.methods.registry import Method
from jmapd.protocol.errors import MethodError, SetError, invalid_properties


def set_(type: DataType) -> Method:
    """The type's /set."""

    def run(context: Context, arguments: Arguments) -> dict[str, Any]:
        arguments.refuse_others(("accountId", "ifInState", *Work.ARGUMENTS, *type.set_arguments))
        scope = context.scope(arguments, write=True)
        work = Work.of(context, arguments)
        old_state = check_state(scope, type.name, arguments)
        assert type.setter is not None
        done = work.done_by(type.setter(context, scope, arguments), lambda id: type.number_of(scope.number, id))
        return {"accountId": scope.access.id, "oldState": old_state, "newState": scope.state(type.name), **done}

    return Method(f"{type.name}/set", type.capability, writes=True, run=run)


def check_state(scope: Scope, type: str, arguments: Arguments, name: str = "ifInState") -> str:
    """The type's state, which the argument of a name must equal if it is given.

    :raises MethodError: ``stateMismatch``.
    """
    expected = arguments.string(name)
    state = scope.state(type)
    if expected is not None and expected != state:
        raise MethodError("stateMismatch")
    return state


@attrs.frozen
class Work:
    """What a /set is to do.

    :param create: by creation id.
    :param update: PatchObjects, by Id or ``#`` and a creation id, as ``destroy`` is.
    """

    context: Context
    create: dict[str, dict[str, Any]]
    update: dict[str, dict[str, Any]]
    destroy: list[str]

    ARGUMENTS: ClassVar = ("create", "update", "destroy")

    @classmethod
    def of(cls, context: Context, arguments: Arguments) -> Self:
        """Read the arguments.

        :raises MethodError: ``invalidArguments`` or ``requestTooLarge``.
        """
        create, update = arguments.objects("create"), arguments.objects("update")
        destroy = arguments.ids("destroy") or []
        if len(create) + len(update) + len(destroy) > context.limits.max_objects_in_set:
            raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_set} objects at once.")
        return cls(context, create, update, destroy)

    def done_by(self, setter: Setter, number_of: Callable[[str], int | None]) -> dict[str, Any]:
        """Do it, one object after the other.

        :param number_of: the number of an Id, or ``None`` where it cannot be one.
        :returns: what the response says of it, each list or map ``None`` where it would be empty.
        """
        created, not_created = self._create(setter)
        updated, not_updated = self._update(setter, number_of)
        destroyed, not_destroyed = self._destroy(setter, number_of)
        setter.finish()
        return {
            "created": created or None,
            "updated": updated or None,
            "destroyed": destroyed or None,
            "notCreated": not_created or None,
            "notUpdated": not_updated or None,
            "notDestroyed": not_destroyed or None,
        }

    def _create(self, setter: Setter) -> tuple[dict[str, Any], dict[str, Any]]:
        created: dict[str, Any] = {}
        refused: dict[str, Any] = {}
        for creation_id in _in_order(self.create):
            try:
                made = setter.create(creation_id, self.create[creation_id])
            except SetError as error:
                refused[creation_id] = error.to_json()
            else:
                created[creation_id] = made
                self.context.created_ids[creation_id] = made["id"]
        return created, refused

    def _update(self, setter: Setter, number_of: Callable[[str], int | None]) -> tuple[dict[str, Any], dict[str, Any]]:
        updated: dict[str, Any] = {}
        refused: dict[str, Any] = {}
        to_be_destroyed = {self._id(given) for given in self.destroy}
        for given, patch in self.update.items():
            id = self._id(given)
            number = number_of(id)
            try:
                if number is None:
                    raise SetError("notFound")
                if id in to_be_destroyed:
                    raise SetError("willDestroy")
                if "id" in patch and patch["id"] != id:
                    raise invalid_properties("id cannot be changed.", "id")
                updated[id] = setter.update(number, {path: value for path, value in patch.items() if path != "id"})
            except SetError as error:
                refused[given] = error.to_json()
        return updated, refused

    def _destroy(self, setter: Setter, number_of: Callable[[str], int | None]) -> tuple[list[str], dict[str, Any]]:
        destroyed: list[str] = []
        refused: dict[str, Any] = {}
        for given in self.destroy:
            id = self._id(given)
            number = number_of(id)
            try:
                if number is None:
                    raise SetError("notFound")
                setter.destroy(number)
                destroyed.append(id)
            except SetError as error:
                refused[given] = error.to_json()
        return destroyed, refused

    def _id(self, given: str) -> str:
        return self.context.referred(given) or given


def _in_order(create: dict[str, Any]) -> list[str]:
    """The creation ids, each after those of the same call that its object refers to directly."""
    waiting = {
        creation_id: {value[1:] for value in object.values() if isinstance(value, str) and value.startswith("#")}
        for creation_id, object in create.items()
    }
    order: list[str] = []
    while waiting:
        ready = [one for one, needs in waiting.items() if not needs & (waiting.keys() - {one})]
        order.extend(ready or waiting)
        for one in ready or list(waiting):
            del waiting[one]
    return order
