"""Which web pages may talk to the server (RFC 6454, RFC 6455 section 10.2), and how their browsers are told so (CORS).

Pages of the server's own origin always may, those of others where the configuration names them. A request without an
Origin comes from no page. No answer ever allows a browser to add credentials of its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

from jmapd.auth.principal import Principal
from jmapd.protocol.origin import origin
from jmapd.web.problem import refusal
from jmapd.web.request import Body, NoBody, Request

ANY = "*"
"""Among the allowed origins: each one is."""

MAX_AGE = 7200
"""Seconds for which a browser may keep what a preflight told it; none keeps it longer."""

REQUEST_FIELDS = b"Accept, Authorization, Cache-Control, Content-Type, If-None-Match, Last-Event-ID"
"""What a page may send."""

RESPONSE_FIELDS = b"Allow, Content-Disposition, Date, ETag, Retry-After, WWW-Authenticate"
"""What a page may read, beside what every page may."""

Fields = list[tuple[bytes, bytes]]


class Origins:
    """Says which pages may, and what their browsers are told with each answer.

    :param allowed: further origins in their one form (`jmapd.protocol.origin`), or `ANY`.
    :param url: tells how clients reach the server.
    """

    def __init__(self, allowed: Sequence[str], url: Callable[[], str]) -> None:
        self.allow(allowed)
        self._url = url

    def allow(self, allowed: Sequence[str]) -> None:
        """Allow these further ones from now on, in place of those before."""
        self._allowed = frozenset(allowed)

    def check(self, request: Request) -> None:
        """Refuse the pages that may not.

        :raises Refusal: 403.
        """
        values = _values(request)
        if values and not self._is_own(request, values) and self._allows(values) is None:
            raise refusal(403, "Pages of this origin may not use the server; server.allowed-origins may allow it.")

    def fields(self, request: Request) -> Fields:
        """What is added to the header of an answer, whatever it is."""
        # the same request is answered otherwise to another page, and a cache must know
        fields: Fields = [(b"Vary", b"Origin")]
        values = _values(request)
        allows = None if not values or self._is_own(request, values) else self._allows(values)
        if allows is not None:
            fields.append((b"Access-Control-Allow-Origin", allows))
            fields.append((b"Access-Control-Expose-Headers", RESPONSE_FIELDS))
        return fields

    def _allows(self, values: Sequence[bytes]) -> bytes | None:
        """What Access-Control-Allow-Origin says to a foreign page; ``None`` to one that may not."""
        if len(values) != 1:
            return None
        if ANY in self._allowed:
            return b"*"
        return values[0] if origin(values[0].decode("latin-1")) in self._allowed else None

    def _is_own(self, request: Request, values: Sequence[bytes]) -> bool:
        if len(values) != 1 or (said := origin(values[0].decode("latin-1"))) is None:
            return False
        public = origin(self._url())
        if said == public:
            return True
        # the server may have further names, and a browser knows it by the one in Host. But a page that came in the
        # clear is not one of a server that is reached with TLS, though its proxy reaches us in the clear
        host = (request.header(b"Host") or b"").decode("latin-1")
        secure = request.isSecure()
        if not secure and public is not None and public.startswith("https:") and not _is_loopback(host):
            return False
        return said == origin(f"{'https' if secure else 'http'}://{host}")


def is_preflight(request: Request) -> bool:
    """Whether a browser asks beforehand what a page may."""
    fields = request.requestHeaders
    return (
        request.method == b"OPTIONS"
        and fields.hasHeader(b"Origin")
        and fields.hasHeader(b"Access-Control-Request-Method")
    )


class Preflight:
    """Tells a browser what a page that may talk to the server may do at a path.

    :param methods: those of the resource that is there.
    """

    methods = frozenset({b"OPTIONS"})
    public = True
    takes_ticket = False

    def __init__(self, methods: frozenset[bytes]) -> None:
        self._allowed = b", ".join(sorted(methods))

    def open(self, request: Request, principal: Principal | None) -> Body:
        """The page itself has been looked at before."""
        headers = {
            b"Access-Control-Allow-Methods": self._allowed,
            b"Access-Control-Allow-Headers": REQUEST_FIELDS,
            b"Access-Control-Max-Age": b"%d" % MAX_AGE,
        }
        if request.header(b"Access-Control-Request-Private-Network") == b"true":
            headers[b"Access-Control-Allow-Private-Network"] = b"true"
        return NoBody(lambda: request.respond(204, b"", headers))


def _values(request: Request) -> Sequence[bytes]:
    values: Sequence[bytes] = request.requestHeaders.getRawHeaders(b"Origin", [])
    return values


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if name.lower() == "localhost" or name.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
