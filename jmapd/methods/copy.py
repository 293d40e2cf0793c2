"""/copy, for every data type (RFC 8620 section 5.4)."""

from __future__ import annotations

from typing import Any

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope
from jmapd.methods.datatype import Copier, DataType
from jmapd.methods.registry import Method
from jmapd.methods.set import check_state
from jmapd.protocol.errors import MethodError, SetError, invalid_arguments, invalid_properties

_ARGUMENTS = (
    "fromAccountId",
    "ifFromInState",
    "accountId",
    "ifInState",
    "create",
    "onSuccessDestroyOriginal",
    "destroyFromIfInState",
)


def copy(type: DataType) -> Method:
    """The type's /copy."""

    def run(context: Context, arguments: Arguments) -> dict[str, Any]:
        arguments.refuse_others(_ARGUMENTS)
        destroy = arguments.boolean("onSuccessDestroyOriginal")
        source, scope = scopes(context, arguments, write_source=destroy)
        arguments.required("create")
        create = arguments.objects("create")
        if len(create) > context.limits.max_objects_in_set:
            raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_set} objects at once.")
        destroy_state = arguments.string("destroyFromIfInState")
        check_state(source, type.name, arguments, "ifFromInState")
        old_state = check_state(scope, type.name, arguments)
        originals = {creation_id: _original(context, type, source, one) for creation_id, one in create.items()}
        assert type.copier is not None
        copier = type.copier(context, source, scope, [one for one in originals.values() if one is not None])
        created, refused = _copied(context, copier, create, originals)
        copier.finish()
        if destroy and created:
            done = [type.id_of(number) for id in created if (number := originals[id]) is not None]
            follow = {"accountId": source.access.id, "ifInState": destroy_state, "destroy": list(dict.fromkeys(done))}
            context.implicit.append((f"{type.name}/set", follow))
        return {
            "fromAccountId": source.access.id,
            "accountId": scope.access.id,
            "oldState": old_state,
            "newState": scope.state(type.name),
            "created": created or None,
            "notCreated": refused or None,
        }

    return Method(f"{type.name}/copy", type.capability, writes=True, run=run)


def scopes(context: Context, arguments: Arguments, *, write_source: bool = False) -> tuple[Scope, Scope]:
    """The account that is copied from, and the one that is copied to.

    :param write_source: whether the call would change the first one too.
    :raises MethodError: ``fromAccountNotFound``, ``accountNotFound``, ``accountReadOnly`` or ``invalidArguments``.
    """
    try:
        source = context.scope(arguments, write=write_source, name="fromAccountId")
    except MethodError as error:
        if error.type == "accountNotFound":
            raise MethodError("fromAccountNotFound", error.description) from None
        raise
    scope = context.scope(arguments, write=True)
    if source is scope:
        raise invalid_arguments("fromAccountId and accountId must be different accounts.")
    return source, scope


def _original(context: Context, type: DataType, source: Scope, properties: dict[str, Any]) -> int | None:
    """The number of the object that is to be copied; ``None`` where there can be none."""
    id = properties.get("id")
    referred = context.referred(id) if isinstance(id, str) else None
    return None if referred is None else type.number_of(source.number, referred)


def _copied(
    context: Context, copier: Copier, create: dict[str, Any], originals: dict[str, int | None]
) -> tuple[dict[str, Any], dict[str, Any]]:
    created: dict[str, Any] = {}
    refused: dict[str, Any] = {}
    for creation_id, properties in create.items():
        number = originals[creation_id]
        try:
            if not isinstance(properties.get("id"), str):
                raise invalid_properties("id must name what is to be copied.", "id")
            if number is None:
                raise SetError("notFound")
            made = copier.copy(number, {name: value for name, value in properties.items() if name != "id"})
        except SetError as error:
            refused[creation_id] = error.to_json()
        else:
            created[creation_id] = made
            context.created_ids[creation_id] = made["id"]
    return created, refused
