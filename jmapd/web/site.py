"""The resource tree, and who is asked who they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from jmapd.auth.authenticator import Authenticator
from jmapd.auth.claims import CHALLENGE, INVALID_TOKEN, Bearer, parse_authorization
from jmapd.auth.passwords import Busy
from jmapd.auth.penalty import Slowed
from jmapd.auth.principal import Principal
from jmapd.web.problem import refusal
from jmapd.web.request import Request, Resource
from jmapd.workers.pool import OperationRefused


class Tree:
    """Finds what is at a path, and knows clients by their Authorization field.

    :param resources: by path; one that ends in ``/*`` is all below it.
    :param upgrade: what takes a WebSocket handshake at `UPGRADE_PATHS`.
    """

    def __init__(
        self, reactor: Any, authenticator: Authenticator, resources: Mapping[str, Resource], upgrade: Resource
    ) -> None:
        self.reactor = reactor
        self._authenticator = authenticator
        self._resources = resources
        self._upgrade = upgrade

    def resource(self, request: Request) -> Resource:
        """What is at the request's path."""
        path = "/" + "/".join(request.segments)
        if path == "/" and b"websocket" in request.tokens(b"Upgrade"):
            return self._upgrade
        resource = self._resources.get(path) or self._resources.get(path.rstrip("/"))
        if resource is None:
            resource = self._resources.get("/".join(("", *request.segments[:2], "*")))
        if resource is None:
            raise refusal(404, "There is nothing at this path.")
        if request.method not in resource.methods:
            allowed = b", ".join(sorted(resource.methods))
            raise refusal(405, "This method cannot be used here.", {b"Allow": allowed})
        return resource

    def authenticate(self, request: Request) -> Deferred[Principal]:
        """Whom the request acts for."""
        said = request.header(b"Authorization")
        claim = None if said is None else parse_authorization(said)

        def known(principal: Principal | None) -> Principal:
            if principal is None:
                detail = "Say who you are: an account's name and password by HTTP Basic, or a token by Bearer."
                challenge = INVALID_TOKEN if isinstance(claim, Bearer) else CHALLENGE
                raise refusal(401, detail, {b"WWW-Authenticate": challenge})
            return principal

        return self._authenticator.authenticate(claim, client_address(request)).addCallbacks(known, _not_found_out)


def client_address(request: Request) -> str:
    """The address of a request's client; "" where it has none, as at a local socket."""
    return getattr(request.channel.getPeer(), "host", "")


def _not_found_out(failure: Failure) -> Any:
    failure.trap(Busy, OperationRefused, Slowed)
    if isinstance(failure.value, Slowed):
        after = str(math.ceil(failure.value.retry_after)).encode()
        raise refusal(429, "There were too many failed logins; wait a little.", {b"Retry-After": after})
    raise refusal(503, "The server cannot check who you are now.", {b"Retry-After": b"2"})
