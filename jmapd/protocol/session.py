"""The Session object (RFC 8620 section 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from jmapd.protocol.capabilities import CORE, WEBSOCKET, WEBSOCKET_TICKET
from jmapd.protocol.limits import Limits


@attrs.frozen
class SessionAccount:
    """An account as a user sees it."""

    id: str
    name: str
    is_personal: bool = True
    is_read_only: bool = False


def session(
    *,
    url: str,
    username: str,
    accounts: Sequence[SessionAccount],
    capabilities: Mapping[str, Mapping[str, Any]],
    limits: Limits,
    state: str,
) -> dict[str, Any]:
    """The Session object of a user.

    :param url: how clients reach the server: scheme and authority, no slash at the end.
    :param capabilities: for each data type capability (all but Core and those of the WebSocket) its account
        capability object.
    :param state: what changes when anything else in the object does.
    """
    tickets = f"{url}/jmap/ws/ticket"
    socket = {
        WEBSOCKET: {"url": f"ws{url.removeprefix('http')}/jmap/ws", "supportsPush": True},
        WEBSOCKET_TICKET: {"generationEndpoint": tickets, "revocationEndpoint": tickets},
    }
    personal = next((account.id for account in accounts if account.is_personal), None)
    return {
        "capabilities": {
            CORE: limits.core(),
            **{urn: {} for urn in capabilities},
            **socket,
        },
        "accounts": {
            account.id: {
                "name": account.name,
                "isPersonal": account.is_personal,
                "isReadOnly": account.is_read_only,
                # Twake Mail's clients look for those of the WebSocket with each account
                "accountCapabilities": {CORE: {}, **capabilities, **socket},
            }
            for account in accounts
        },
        "primaryAccounts": {} if personal is None else dict.fromkeys(capabilities, personal),
        "username": username,
        "apiUrl": f"{url}/jmap/api/",
        "downloadUrl": f"{url}/jmap/download/{{accountId}}/{{blobId}}/{{name}}?type={{type}}",
        "uploadUrl": f"{url}/jmap/upload/{{accountId}}/",
        "eventSourceUrl": f"{url}/jmap/eventsource/?types={{types}}&closeafter={{closeafter}}&ping={{ping}}",
        "state": state,
    }
