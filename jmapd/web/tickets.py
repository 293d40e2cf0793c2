"""Tickets over HTTP, as Twake Mail's clients know them: a page gets one, and opens one WebSocket with it in the URL.

The Session names both places with the capability ``com:linagora:params:jmap:ws:ticket``.
"""

from __future__ import annotations

import orjson

from jmapd.auth.principal import Principal
from jmapd.auth.tickets import Tickets
from jmapd.protocol.dates import utc_date
from jmapd.web.problem import JSON, refusal
from jmapd.web.request import Body, NoBody, Request
from jmapd.web.resources import POST


class NewTickets:
    """Gives a ticket to whoever is known."""

    methods = POST
    public = False
    takes_ticket = False

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    def open(self, request: Request, principal: Principal | None) -> Body:
        """Make it when the request is complete."""
        assert principal is not None
        return NoBody(lambda: self._answer(request, principal))

    def _answer(self, request: Request, principal: Principal) -> None:
        made = self._tickets.make(principal, request.client_address)
        ticket = {
            "value": made.value,
            "clientAddress": made.client_address,
            "generatedOn": _date(made.generated_on),
            "validUntil": _date(made.valid_until),
            "username": made.username,
        }
        request.respond(200, orjson.dumps(ticket), {b"Content-Type": JSON, b"Cache-Control": b"no-store"})


class OneTicket:
    """A ticket at ``/jmap/ws/ticket/{value}``, which its owner may revoke."""

    methods = frozenset({b"DELETE"})
    public = False
    takes_ticket = False

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    def open(self, request: Request, principal: Principal | None) -> Body:
        """Revoke it when the request is complete."""
        assert principal is not None
        return NoBody(lambda: self._answer(request, principal))

    def _answer(self, request: Request, principal: Principal) -> None:
        if len(request.segments) != 4 or not self._tickets.revoke(request.segments[3], principal):
            raise refusal(404, "You have no such ticket.")
        request.respond(204, b"", {b"Cache-Control": b"no-store"})


def _date(seconds: float) -> str:
    return utc_date(int(seconds * 1000))
