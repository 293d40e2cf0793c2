"""The access log: a line for each HTTP request, two for each WebSocket.

A line never has a query string, which may hold a ticket or a token, nor anything else that a client says of itself
before it has proved it. What comes from outside is shortened, and escaped where it is not plain ASCII.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

LONGEST = 512
"""Characters of a path, a method or a reason that are logged."""

TEXT, FIELDS = "text", "fields"
"""What such an event has: its line, made already, and the same by name."""

_log = Logger()


class AccessLog:
    """Writes the lines, if they are wanted."""

    def __init__(self, wanted: bool = True) -> None:
        self.wanted = wanted

    def request(
        self,
        client: str,
        user: str | None,
        method: bytes,
        path: bytes,
        version: str,
        status: int,
        size: int,
        seconds: float,
    ) -> None:
        """An HTTP request has been answered.

        :param client: the address it came from.
        :param path: without its query.
        :param status: 0 where the client went before it was answered.
        :param size: octets of the answer's body.
        """
        if not self.wanted:
            return
        asked, place = shown(method), shown(path)
        milliseconds = round(seconds * 1000, 1)
        line = f"{client} {user or '-'} {asked} {place} {version} {status or '-'} {size} {milliseconds}ms"
        fields = {
            "client": client,
            "user": user,
            "method": asked,
            "path": place,
            "version": version,
            "status": status or None,
            "bytes": size,
            "ms": milliseconds,
        }
        _emit("request", line, fields)

    def websocket_opened(self, id: str, client: str, user: str, version: str, extensions: str) -> None:
        """A WebSocket has been opened.

        :param extensions: those that are in use, as the handshake's answer names them.
        """
        if not self.wanted:
            return
        fields = {"id": id, "client": client, "user": user, "version": version, "extensions": extensions}
        _emit("websocket opened", f"{client} {user} websocket {id} opened {version} {extensions or '-'}", fields)

    def websocket_closed(
        self,
        id: str,
        client: str,
        user: str,
        code: int | None,
        reason: str,
        by_us: bool,
        age: float,
        messages: tuple[int, int],
        octets: tuple[int, int],
    ) -> None:
        """A WebSocket has ended.

        :param code: of the first Close frame; ``None`` where there was none.
        :param by_us: whether that was ours.
        :param age: seconds.
        :param messages: in and out.
        :param octets: in and out.
        """
        if not self.wanted:
            return
        why = shown(reason.encode())
        line = (
            f"{client} {user} websocket {id} closed {code or '-'} {'server' if by_us else 'client'} '{why}' "
            f"{age:.1f}s {messages[0]}/{messages[1]} messages {octets[0]}/{octets[1]} octets"
        )
        fields = {
            "id": id,
            "client": client,
            "user": user,
            "code": code,
            "reason": why,
            "by": "server" if by_us else "client",
            "seconds": round(age, 3),
            "messages_in": messages[0],
            "messages_out": messages[1],
            "bytes_in": octets[0],
            "bytes_out": octets[1],
        }
        _emit("websocket closed", line, fields)


def _emit(kind: str, line: str, fields: dict[str, Any]) -> None:
    _log.info("{text}", text=line, kind=kind, fields=fields)


def shown(text: bytes) -> str:
    """Something from outside, as a line can hold it."""
    plain = text[:LONGEST].decode("ascii", "backslashreplace")
    if not plain.isprintable():
        plain = "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in plain)
    return f"{plain}…" if len(text) > LONGEST else plain
