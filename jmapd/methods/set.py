"""/set, for every data type (RFC 8620 section 5.3)."""

from __future__ import annotations

from typing import Any

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.datatype import DataType, Setter
from jmapd.methods.registry import Method
from jmapd.protocol.errors import MethodError, SetError, invalid_properties

_ARGUMENTS = ("accountId", "ifInState", "create", "update", "destroy")


def set_(type: DataType) -> Method:
    """The type's /set."""

    def run(context: Context, arguments: Arguments) -> dict[str, Any]:
        arguments.refuse_others((*_ARGUMENTS, *type.set_arguments))
        scope = context.scope(arguments, write=True)
        create, update = arguments.objects("create"), arguments.objects("update")
        destroy = arguments.ids("destroy") or []
        if len(create) + len(update) + len(destroy) > context.limits.max_objects_in_set:
            raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_set} objects at once.")
        old_state = check_state(scope, type.name, arguments)
        assert type.setter is not None
        setter = type.setter(context, scope, arguments)
        created, not_created = _create(context, setter, create)
        destroyed_ids = {context.referred(id) or id for id in destroy}
        updated, not_updated = _update(context, type, scope, setter, update, destroyed_ids)
        destroyed, not_destroyed = _destroy(context, type, scope, setter, destroy)
        setter.finish()
        return {
            "accountId": scope.access.id,
            "oldState": old_state,
            "newState": scope.state(type.name),
            "created": created or None,
            "updated": updated or None,
            "destroyed": destroyed or None,
            "notCreated": not_created or None,
            "notUpdated": not_updated or None,
            "notDestroyed": not_destroyed or None,
        }

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


def _create(context: Context, setter: Setter, create: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    created: dict[str, Any] = {}
    refused: dict[str, Any] = {}
    for creation_id in _in_order(create):
        try:
            made = setter.create(creation_id, create[creation_id])
        except SetError as error:
            refused[creation_id] = error.to_json()
        else:
            created[creation_id] = made
            context.created_ids[creation_id] = made["id"]
    return created, refused


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


def _update(
    context: Context,
    type: DataType,
    scope: Scope,
    setter: Setter,
    update: dict[str, Any],
    destroyed: set[str],
) -> tuple[dict[str, Any], dict[str, Any]]:
    updated: dict[str, Any] = {}
    refused: dict[str, Any] = {}
    for given, patch in update.items():
        id = context.referred(given) or given
        number = type.number_of(scope.number, id)
        try:
            if number is None:
                raise SetError("notFound")
            if id in destroyed:
                raise SetError("willDestroy")
            if "id" in patch and patch["id"] != id:
                raise invalid_properties("id cannot be changed.", "id")
            updated[id] = setter.update(number, {path: value for path, value in patch.items() if path != "id"})
        except SetError as error:
            refused[given] = error.to_json()
    return updated, refused


def _destroy(
    context: Context, type: DataType, scope: Scope, setter: Setter, destroy: list[str]
) -> tuple[list[str], dict[str, Any]]:
    destroyed: list[str] = []
    refused: dict[str, Any] = {}
    for given in destroy:
        id = context.referred(given) or given
        number = type.number_of(scope.number, id)
        try:
            if number is None:
                raise SetError("notFound")
            setter.destroy(number)
            destroyed.append(id)
        except SetError as error:
            refused[given] = error.to_json()
    return destroyed, refused
