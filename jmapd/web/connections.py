"""What an operator sees of the connections that are open, and how they end them (`jmapctl connections`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from jmapd.web.channel import Connection, HTTPFactory
from jmapd.web.ledger import KINDS, name_of
from jmapd.web.messages import POLICY_VIOLATION
from jmapd.web.websocket import JMAPFactory, JMAPProtocol
from jmapd.workers.answers import OperationRefused

PAGE = 1000
"""Rows of one answer: however many connections there are, the others do not wait for their listing."""

CLOSED = "closed by the operator"
"""The reason in the Close frame. Its code is 1008: 1001 would have clients come back at once."""

Row = dict[str, Any]


class Connections:
    """All HTTP connections and WebSockets, as the factories have them.

    An id is a letter and the connection's number: ``h7`` is HTTP, ``w7`` a WebSocket.
    """

    def __init__(self, http: HTTPFactory, sockets: JMAPFactory, now: Callable[[], float]) -> None:
        self._http = http
        self._sockets = sockets
        self._now = now

    def operations(self) -> dict[str, Callable[[dict[str, Any]], Row]]:
        """What the control socket is to offer, by name."""
        return {"connections": self._list, "connections_close": self._close}

    def _list(self, arguments: dict[str, Any]) -> Row:
        """A page of connections; ``next`` is what to give as ``from`` for the one after it."""
        start = arguments.get("from", 0)
        if not isinstance(start, int) or start < 0:
            raise OperationRefused("invalid", "Nothing begins there.")
        rows = list(islice(self._rows(), start, start + PAGE))
        return {"connections": rows, "next": start + PAGE if len(rows) == PAGE else None}

    def _rows(self) -> Iterator[Row]:
        for channel in self._http.channels:
            yield self._http_row(channel)
        for socket in self._sockets.connections:
            yield self._socket_row(socket)

    def _http_row(self, channel: Connection) -> Row:
        traffic = channel.traffic
        return {
            "id": f"h{channel.number}",
            "kind": channel.kind,
            "user": channel.user,
            "address": channel.client,
            "seconds": self._now() - channel.opened,
            "messages_in": traffic.messages_in,
            "messages_out": traffic.messages_out,
            "bytes_in": traffic.bytes_in,
            "bytes_out": traffic.bytes_out,
            "unsent": channel.unsent,
            "pushes": 0,
            "requests": len(channel.requests),
        }

    def _socket_row(self, socket: JMAPProtocol) -> Row:
        traffic = socket.traffic
        return {
            "id": name_of(socket),
            "kind": KINDS[socket.version],
            "user": socket.origin.principal.name,
            "address": socket.client,
            "seconds": self._now() - socket.opened,
            "messages_in": traffic.messages_in,
            "messages_out": traffic.messages_out,
            "bytes_in": traffic.bytes_in,
            "bytes_out": traffic.bytes_out,
            "unsent": socket.unsent,
            "pushes": 0 if socket.listening is None else socket.listening.waiting,
            "requests": socket.asked,
        }

    def _close(self, arguments: dict[str, Any]) -> Row:
        """End one connection, or all of a user."""
        id, user = arguments.get("id"), arguments.get("user")
        wanted = [one for one in self._ends() if id == one[0] or (user and user.lower() == one[1].lower())]
        for _, _, end in wanted:
            end()
        return {"closed": len(wanted)}

    def _ends(self) -> Iterable[tuple[str, str, Callable[[], None]]]:
        """For each connection its id, its user, and what ends it."""
        for channel in self._http.channels:
            yield f"h{channel.number}", channel.user, channel.abort
        for socket in self._sockets.connections:
            yield name_of(socket), socket.origin.principal.name, partial(socket.close, POLICY_VIOLATION, CLOSED)
