"""The resource tree, and who is asked who they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from jmapd.auth.authenticator import Authenticator
from jmapd.auth.basic import CHALLENGE
from jmapd.auth.passwords import Busy
from jmapd.auth.principal import Principal
from jmapd.observe.metrics import Metrics
from jmapd.web.problem import refusal
from jmapd.web.request import Request, Resource
from jmapd.workers.pool import OperationRefused


class Tree:
    """Finds what is at a path, and knows clients by their Authorization field.

    :param resources: by path; one that ends in ``/*`` is all below it.
    :param upgrade: what takes a WebSocket handshake at `UPGRADE_PATHS`.
    """

    def __init__(
        self,
        reactor: Any,
        authenticator: Authenticator,
        resources: Mapping[str, Resource],
        upgrade: Resource,
        metrics: Metrics | None = None,
    ) -> None:
        self.reactor = reactor
        self._metrics = metrics or Metrics()
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

        def known(principal: Principal | None) -> Principal:
            if principal is None:
                if request.header(b"Authorization") is not None:
                    self._metrics.signed_in("failed")
                detail = "Say who you are: HTTP Basic, with an account's name and password."
                raise refusal(401, detail, {b"WWW-Authenticate": CHALLENGE})
            return principal

        def unknown(failure: Failure) -> Any:
            failure.trap(Busy, OperationRefused)
            self._metrics.signed_in("busy")
            raise refusal(503, "The server cannot check who you are now.", {b"Retry-After": b"2"})

        return self._authenticator.authenticate(request.header(b"Authorization")).addCallbacks(known, unknown)
