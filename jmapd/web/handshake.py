"""The WebSocket handshake over HTTP/1.1 (RFC 6455 section 4, RFC 8887 section 4.2)."""

from __future__ import annotations

import base64
import binascii

from jmapd.auth.principal import Principal
from jmapd.protocol.subprotocol import SUBPROTOCOL
from jmapd.web.problem import refusal
from jmapd.web.request import Body, NoBody, Request
from jmapd.web.resources import GET
from jmapd.web.websocket import JMAPFactory, JMAPProtocol

RETRY_AFTER = b"60"
"""Seconds."""

_VERSION = b"13"


class Handshake:
    """Takes handshakes, and hands the connection to a WebSocket when one is right."""

    methods = GET
    public = False

    def __init__(self, factory: JMAPFactory) -> None:
        self._factory = factory

    def open(self, request: Request, principal: Principal | None) -> Body:
        """Check the handshake of a client that is known."""
        assert principal is not None
        check(request)
        if not self._factory.ledger.has_room(principal):
            raise refusal(429, "Too many WebSockets of this user are open.", {b"Retry-After": RETRY_AFTER})
        return NoBody(lambda: self._take_over(request, principal))

    def _take_over(self, request: Request, principal: Principal) -> None:
        """Give the connection to a WebSocket protocol, which answers the handshake itself."""
        protocol = self._factory.for_principal(principal, request.client, request.clientproto)
        transport, early = request.channel.hand_over(protocol)
        protocol.makeConnection(transport)
        transport.registerProducer(protocol, True)
        _replay(request, protocol)
        if early:
            protocol.dataReceived(early)
        transport.resumeProducing()


def _replay(request: Request, protocol: JMAPProtocol) -> None:
    lines = [b"GET " + request.uri + b" HTTP/1.1"]
    for name, values in request.requestHeaders.getAllRawHeaders():
        lines.append(name + b": " + b",".join(values))
    protocol.dataReceived(b"\r\n".join((*lines, b"", b"")))


def check(request: Request) -> None:
    """Look whether a request is a handshake that can be accepted.

    :raises Refusal: 426 where it is none, or of another version; 400 where it is wrong.
    """
    upgrade = {b"Upgrade": b"websocket", b"Connection": b"Upgrade", b"Sec-WebSocket-Version": _VERSION}
    asked = b"websocket" in request.tokens(b"Upgrade") and b"upgrade" in request.tokens(b"Connection")
    if request.method != b"GET" or not asked:
        raise refusal(426, "This is a WebSocket: open it with one.", upgrade)
    if request.header(b"Sec-WebSocket-Version") != _VERSION:
        raise refusal(426, "The WebSocket version is 13.", upgrade)
    if request.clientproto == b"HTTP/1.0":
        raise refusal(400, "A WebSocket needs HTTP/1.1.")
    keys = request.requestHeaders.getRawHeaders(b"Sec-WebSocket-Key", [])
    if len(keys) != 1 or not _is_key(keys[0]):
        raise refusal(400, "Sec-WebSocket-Key must be 16 octets in base64.")
    offered = request.requestHeaders.getRawHeaders(b"Sec-WebSocket-Protocol", [])
    if SUBPROTOCOL.encode() not in [item.strip() for value in offered for item in value.split(b",")]:
        raise refusal(400, "Offer the subprotocol: Sec-WebSocket-Protocol: jmap.")
    if not request.header(b"Host"):
        raise refusal(400, "There is no Host field.")


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key.strip(), validate=True)) == 16
    except binascii.Error:
        return False
