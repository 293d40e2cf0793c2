"""The WebSocket handshake (RFC 6455 section 4, RFC 8441 section 5, RFC 8887 section 4.2): whether a request is one."""

from __future__ import annotations

import base64
import re

from jmapd.auth.principal import Principal
from jmapd.protocol.subprotocol import SUBPROTOCOL
from jmapd.web.deflate import Agreement, NotExtensions
from jmapd.web.messages import MessageFactory, MessageProtocol
from jmapd.web.problem import refusal
from jmapd.web.request import Body, NoBody, Request
from jmapd.web.resources import GET
from jmapd.web.websocket import JMAPFactory

RETRY_AFTER = b"60"
"""Seconds."""

VERSION = b"13"

_NO_KEY = base64.b64encode(bytes(16))
"""Stands in for what HTTP/2 has no need of."""

_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MUST_UPGRADE = {b"Upgrade": b"websocket", b"Connection": b"Upgrade"}
_VERSION_FIELD = {b"Sec-WebSocket-Version": VERSION}


class Handshake:
    """Takes handshakes, and hands the connection to a WebSocket when one is right."""

    methods = GET
    public = False
    takes_ticket = True

    def __init__(self, factory: JMAPFactory) -> None:
        self._factory = factory

    def open(self, request: Request, principal: Principal | None) -> Body:
        """Check the handshake of a client that is known."""
        assert principal is not None
        check(request)
        agreement = agreed(request, self._factory)
        if not self._factory.ledger.has_room(principal):
            raise refusal(429, "Too many WebSockets of this user are open.", {b"Retry-After": RETRY_AFTER})
        protocol = self._factory.for_principal(principal, request.client_address, request.clientproto, agreement)
        return NoBody(lambda: take_over(request, protocol))


def agreed(request: Request, factory: MessageFactory) -> Agreement | None:
    """What is agreed with a handshake on compression.

    :raises Refusal: 400 where what it offers is no list of extensions.
    """
    try:
        return factory.agree(request.requestHeaders.getRawHeaders(b"Sec-WebSocket-Extensions", []))
    except NotExtensions:
        raise refusal(400, "Sec-WebSocket-Extensions must be a list of extensions.") from None


def take_over(request: Request, protocol: MessageProtocol) -> None:
    """Give the connection to a WebSocket protocol, which answers the handshake itself."""
    transport, early = request.channel.hand_over(protocol)
    protocol.makeConnection(transport)
    transport.registerProducer(protocol, True)
    protocol.dataReceived(opening(request.header(b"Sec-WebSocket-Key") or _NO_KEY))
    if early:
        protocol.dataReceived(early)
    transport.resumeProducing()


def opening(key: bytes) -> bytes:
    """A handshake that Autobahn answers, once `check` has found the client's own right.

    It says nothing of what has been judged already, and no query string, in which there may be a ticket.

    :param key: the Sec-WebSocket-Key.
    """
    lines = [
        b"GET / HTTP/1.1",
        b"Host: localhost",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: " + VERSION,
        b"Sec-WebSocket-Protocol: " + SUBPROTOCOL.encode(),
        b"Sec-WebSocket-Key: " + key,
    ]
    return b"\r\n".join((*lines, b"", b""))


def is_handshake(request: Request) -> bool:
    """Whether a request asks for a WebSocket, rightly or not: what tells it from others at the same path."""
    if request.protocol is not None:
        return request.protocol == b"websocket"
    # RFC 9110 section 7.8: HTTP/1.0 has no Upgrade
    return (
        request.method == b"GET" and request.clientproto == b"HTTP/1.1" and b"websocket" in request.tokens(b"Upgrade")
    )


def check(request: Request) -> None:
    """Look whether a request is a handshake that can be accepted.

    :raises Refusal: 426 where it is none, or of another version, and 400 where it is wrong; HTTP/2 has no Upgrade and
        gets 400 for all of that.
    """
    if request.protocol is not None:
        _check_version(request, 400, {})
    elif request.clientproto == b"HTTP/2":
        raise refusal(400, "This is a WebSocket: open it with an extended CONNECT (RFC 8441).")
    else:
        _check_upgrade(request)
    _check_subprotocol(request)


def _check_upgrade(request: Request) -> None:
    """What only HTTP/1.1 has."""
    if not is_handshake(request) or b"upgrade" not in request.tokens(b"Connection"):
        raise refusal(426, "This is a WebSocket: open it with one.", {**_MUST_UPGRADE, **_VERSION_FIELD})
    _check_version(request, 426, _MUST_UPGRADE)
    if not request.header(b"Host"):
        raise refusal(400, "There is no Host field.")
    keys = request.requestHeaders.getRawHeaders(b"Sec-WebSocket-Key", [])
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise refusal(400, "Sec-WebSocket-Key must be 16 octets in base64.")


def _check_version(request: Request, status: int, headers: dict[bytes, bytes]) -> None:
    if request.requestHeaders.getRawHeaders(b"Sec-WebSocket-Version", []) != [VERSION]:
        raise refusal(status, "The WebSocket version is 13.", {**headers, **_VERSION_FIELD})


def _check_subprotocol(request: Request) -> None:
    values = request.requestHeaders.getRawHeaders(b"Sec-WebSocket-Protocol", [])
    offered = [item.strip() for value in values for item in value.split(b",")]
    # RFC 9110 section 5.6.1.2: a list may have empty items, which are none
    named = [item for item in offered if item]
    if SUBPROTOCOL.encode() not in named:
        raise refusal(400, "Offer the subprotocol: Sec-WebSocket-Protocol: jmap.")
    if len(set(named)) != len(named) or not all(_TOKEN.fullmatch(item) for item in named):
        raise refusal(400, "Sec-WebSocket-Protocol must be a list of different tokens.")
