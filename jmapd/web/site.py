"""The resource tree, and who is asked who they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from jmapd.auth.authenticator import Authenticator
from jmapd.auth.claims import CHALLENGE, INVALID_TOKEN, Basic, Bearer, Claim, Ticket
from jmapd.auth.passwords import Busy
from jmapd.auth.penalty import Slowed
from jmapd.auth.principal import Principal
from jmapd.web.claims import claim_of
from jmapd.web.forwarded import Proxies
from jmapd.web.handshake import is_handshake
from jmapd.web.origins import Origins, Preflight, is_preflight
from jmapd.web.problem import Refusal, refusal
from jmapd.web.request import Request, Resource
from jmapd.workers.pool import OperationRefused

Segments = tuple[str, ...]

SOCKETS = frozenset({(), (".well-known", "jmap"), ("jmap", "ws")})
"""Where a handshake opens the JMAP WebSocket, whatever other requests find there (RFC 8307 for the well-known path)."""

_NOT_ACCEPTED = {
    Basic: "This name and password are not accepted.",
    Bearer: "This token is not accepted.",
    Ticket: "This ticket is unknown, used, or older than a minute.",
}
_WHO_ARE_YOU = "Say who you are: an account's name and password by HTTP Basic, or a token by Bearer."


class Tree:
    """Finds what is at a path, and knows clients by what they say of themselves.

    :param resources: by path; one that ends in ``/*`` is all below it.
    :param upgrade: what takes a WebSocket handshake at `SOCKETS`.
    :param origins: says which pages may talk to the server at all.
    :param proxies: those that are believed.
    :param credentials_in_url: whether a password or a token may stand where a ticket may.
    """

    def __init__(
        self,
        reactor: Any,
        authenticator: Authenticator,
        resources: Mapping[str, Resource],
        upgrade: Resource,
        origins: Origins,
        proxies: Proxies,
        *,
        credentials_in_url: bool,
    ) -> None:
        self.reactor = reactor
        self.proxies = proxies
        self._authenticator = authenticator
        self._resources = {_path(path.split("/")[1:]): resource for path, resource in resources.items()}
        self._upgrade = upgrade
        self.origins = origins
        self.credentials_in_url = credentials_in_url

    def resource(self, request: Request) -> Resource:
        """What is at the request's path."""
        self.origins.check(request)
        _check_host(request)
        path = _path(request.segments)
        if path in SOCKETS and is_handshake(request):
            return self._upgrade
        resource = self._at(path)
        if is_preflight(request):
            return Preflight(resource.methods)
        if request.method not in resource.methods:
            allowed = b", ".join(sorted(resource.methods))
            raise refusal(405, "This method cannot be used here.", {b"Allow": allowed})
        return resource

    def _at(self, path: Segments) -> Resource:
        above = ((*path[:length], "*") for length in range(min(len(path), 3), 0, -1))
        for place in (path, *above):
            if place in self._resources:
                return self._resources[place]
        raise refusal(404, "There is nothing at this path.")

    def fields(self, request: Request) -> Iterable[tuple[bytes, bytes]]:
        """What is added to the header of every answer."""
        return self.origins.fields(request)

    def authenticate(self, request: Request, resource: Resource) -> Deferred[Principal]:
        """Whom the request acts for."""
        claim = claim_of(request, resource, credentials_in_url=self.credentials_in_url)

        def known(principal: Principal | None) -> Principal:
            if principal is None:
                raise _unknown(claim)
            return principal

        address = request.client_address
        return self._authenticator.authenticate(claim, address).addCallbacks(known, _not_found_out)


def _path(segments: Sequence[str]) -> Segments:
    """A path without the slash at its end."""
    return tuple(segments[:-1] if segments and not segments[-1] else segments)


def _check_host(request: Request) -> None:
    """Refuse a request that does not say, or does not say clearly, which server it means (RFC 9112 section 3.2)."""
    hosts = request.requestHeaders.getRawHeaders(b"Host", [])
    if request.clientproto == b"HTTP/1.1" and len(hosts) != 1:
        raise refusal(400, "There must be one Host field.")


def _unknown(claim: Claim | None) -> Refusal:
    """The answer to somebody who is not known; a wrong name, a wrong password and a disabled account are not told apart."""
    detail = _WHO_ARE_YOU if claim is None else _NOT_ACCEPTED[type(claim)]
    challenge = INVALID_TOKEN if isinstance(claim, Bearer) else CHALLENGE
    return refusal(401, detail, {b"WWW-Authenticate": challenge})


def _not_found_out(failure: Failure) -> Any:
    failure.trap(Busy, OperationRefused, Slowed)
    if isinstance(failure.value, Slowed):
        after = str(math.ceil(failure.value.retry_after)).encode()
        raise refusal(429, "There were too many failed logins; wait a little.", {b"Retry-After": after})
    raise refusal(503, "The server cannot check who you are now.", {b"Retry-After": b"2"})
