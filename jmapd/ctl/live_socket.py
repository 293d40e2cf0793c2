"""One connection of `jmapctl watch`: Autobahn's client with RFC 8887's messages on it."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import attrs
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import ssl
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS

from jmapd.protocol.capabilities import CORE, MAIL, WEBSOCKET
from jmapd.protocol.subprotocol import SUBPROTOCOL

_PING_EVERY = 30
_PONG_WITHIN = 20


class Ended(Exception):
    """The connection is no more, or could not be made; the message says why."""


@attrs.define(eq=False)
class Connection:
    """Requests and pushes.

    :param socket: an open one.
    :param pushes: the StateChange objects as they come, and `Ended` at the end.
    """

    socket: WebSocketClientProtocol
    pushes: DeferredQueue[Any]
    _waiting: dict[str, Deferred[Any]] = attrs.field(factory=dict)
    _number: int = 0

    def request(self, calls: list[list[Any]]) -> Deferred[dict[str, Any]]:
        """Send a Request; fires with the arguments of each method response by its call's id.

        :raises Ended: where it is refused, or the connection ends first.
        """
        self._number += 1
        id = str(self._number)
        self._send({"@type": "Request", "id": id, "using": [CORE, MAIL], "methodCalls": calls})
        self._waiting[id] = Deferred()
        return self._waiting[id]

    def enable_push(self, push_state: str | None) -> None:
        """Ask for pushes of all types, from where an earlier connection was."""
        state = {} if push_state is None else {"pushState": push_state}
        self._send({"@type": "WebSocketPushEnable", "dataTypes": None, **state})

    def heard(self, message: dict[str, Any]) -> None:
        """A message has come."""
        if message["@type"] == "StateChange":
            self.pushes.put(message)
        waiting = self._waiting.pop(message.get("requestId") or "", None)
        if waiting is None:
            return
        if message["@type"] == "Response":
            waiting.callback({call: arguments for _, arguments, call in message["methodResponses"]})
        else:
            waiting.errback(Ended(f"the server refuses: {message.get('detail') or message.get('type')}"))

    def lost(self, why: str) -> None:
        """The connection has ended."""
        ended = Ended(why)
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            one.errback(ended)
        self.pushes.put(ended)

    def _send(self, message: dict[str, Any]) -> None:
        self.socket.sendMessage(json.dumps(message).encode())


class _Socket(WebSocketClientProtocol):
    """Tells ``opened`` what became of the handshake, and its Connection everything after."""

    def __init__(self, opened: Deferred[Connection]) -> None:
        super().__init__()
        self.opened = opened
        self.connection = Connection(self, DeferredQueue())

    def onOpen(self) -> None:
        self.opened.callback(self.connection)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if not isBinary:
            self.connection.heard(json.loads(payload))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        why = f"the connection ended ({code}{f', {reason}' if reason else ''})"
        if self.opened.called:
            self.connection.lost(why)
        else:
            self.opened.errback(Ended(why))


def connect(reactor: Any, session: dict[str, Any], user: str, password: str, trust: Any) -> Deferred[Connection]:
    """Open the WebSocket that a Session names; fires with the Connection when it is open, or fails with `Ended`."""
    url = session["capabilities"][WEBSOCKET]["url"]
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    opened: Deferred[Connection] = Deferred()
    factory: Any = WebSocketClientFactory(url, protocols=[SUBPROTOCOL], headers=headers)
    factory.protocol = lambda: _Socket(opened)
    factory.setProtocolOptions(autoPingInterval=_PING_EVERY, autoPingTimeout=_PONG_WITHIN)

    def failed(failure: Any) -> None:
        opened.errback(Ended(f"{url} cannot be reached: {failure.getErrorMessage().rstrip('.')}"))

    _endpoint(reactor, url, trust).connect(factory).addErrback(failed)
    return opened


def _endpoint(reactor: Any, url: str, trust: Any) -> Any:
    parts = urlsplit(url)
    secure = parts.scheme == "wss"
    host = parts.hostname or ""
    plain = HostnameEndpoint(reactor, host, parts.port or (443 if secure else 80), timeout=10)
    return wrapClientTLS(ssl.optionsForClientTLS(host, trust), plain) if secure else plain
