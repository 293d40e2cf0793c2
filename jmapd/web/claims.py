"""What a request says of who sends it: in its Authorization field, or in the query of a URL that may hold that."""

from __future__ import annotations

from jmapd.auth.claims import Claim, Ticket, parse_authorization
from jmapd.web.request import Request, Resource

_IN_URL = ((b"basic", b"Basic "), (b"access_token", b"Bearer "))


def claim_of(request: Request, resource: Resource, *, credentials_in_url: bool) -> Claim | None:
    """Who a request says it is from.

    :param credentials_in_url: whether a URL that may hold a ticket may hold a password or a token too.
    :returns: ``None`` where it does not say.
    """
    if resource.takes_ticket:
        # what a page has put there on purpose goes before a field that its browser may have added
        ticket = request.parameter(b"ticket")
        if ticket is not None:
            return Ticket(ticket.decode("latin-1"))
        for name, scheme in _IN_URL if credentials_in_url else ():
            value = request.parameter(name)
            if value is not None:
                return parse_authorization(scheme + value)
    authorization = request.header(b"Authorization")
    return None if authorization is None else parse_authorization(authorization)
