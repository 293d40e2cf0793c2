"""The Session object (RFC 8620 section 2), and what it says of the WebSocket."""

from __future__ import annotations

from typing import Any

from jmapd.datatypes.assembly import CAPABILITIES
from jmapd.protocol.capabilities import WEBSOCKET, WEBSOCKET_TICKET
from jmapd.protocol.limits import Limits
from jmapd.protocol.session import SessionAccount, session


def made() -> dict[str, Any]:
    return session(
        url="https://mail.example:8443",
        username="anna@mail.example",
        accounts=[SessionAccount("a", "anna")],
        capabilities={"urn:x": {"most": 1}},
        limits=Limits(),
        state="s",
    )


def test_rfc8887_3_the_websocket_has_an_absolute_url() -> None:
    assert made()["capabilities"][WEBSOCKET] == {"url": "wss://mail.example:8443/jmap/ws", "supportsPush": True}


def test_pages_are_told_where_tickets_are() -> None:
    place = "https://mail.example:8443/jmap/ws/ticket"
    found = made()["capabilities"][WEBSOCKET_TICKET]
    assert found == {"generationEndpoint": place, "revocationEndpoint": place}
    assert WEBSOCKET_TICKET in CAPABILITIES


def test_twake_mails_clients_find_both_with_the_account() -> None:
    whole = made()
    of_account = whole["accounts"]["a"]["accountCapabilities"]
    assert [of_account[urn] for urn in (WEBSOCKET, WEBSOCKET_TICKET)] == [
        whole["capabilities"][urn] for urn in (WEBSOCKET, WEBSOCKET_TICKET)
    ]
    assert list(whole["primaryAccounts"]) == ["urn:x"]
