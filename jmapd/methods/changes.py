"""/changes, for every data type (RFC 8620 section 5.2)."""

from __future__ import annotations

from typing import Any

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context
from jmapd.methods.datatype import DataType
from jmapd.methods.registry import Method
from jmapd.protocol import statechange
from jmapd.protocol.errors import MethodError, invalid_arguments


def changes(type: DataType) -> Method:
    """The type's /changes."""

    def run(context: Context, arguments: Arguments) -> dict[str, Any]:
        arguments.refuse_others(("accountId", "sinceState", "maxChanges"))
        scope = context.scope(arguments)
        since = arguments.required("sinceState")
        if not isinstance(since, str):
            raise invalid_arguments("sinceState must be a string.")
        bound = context.limits.max_changes
        asked = arguments.unsigned("maxChanges", least=1)
        modseq = statechange.modseq(scope.epoch, since)
        changed = (
            None
            if modseq is None
            else scope.changes.since(type.name, modseq, bound if asked is None else min(asked, bound))
        )
        if changed is None:
            raise MethodError("cannotCalculateChanges")
        return {
            "accountId": scope.access.id,
            "oldState": since,
            "newState": statechange.state(scope.epoch, changed.until),
            "hasMoreChanges": changed.more,
            "created": [type.id_of(number) for number in changed.created],
            "updated": [type.id_of(number) for number in changed.updated],
            "destroyed": [type.id_of(number) for number in changed.destroyed],
            **(type.changes_extra(changed) if type.changes_extra else {}),
        }

    return Method(f"{type.name}/changes", type.capability, writes=False, run=run)
