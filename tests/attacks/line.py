"""An attacker's connection: octets over TLS, whatever they say, and never for long."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable

from tests.system.server import Server

SECONDS = 3.0
"""Of one attack at the most."""


class Line:
    """A connection.

    :param protocol: offered in the TLS handshake.
    :param source: the address that it comes from.
    :ivar open: until the server has been seen to end it, or to read no more.
    :ivar received: what has come from it.
    :ivar sent: octets that were sent to it.
    """

    def __init__(self, server: Server, protocol: str = "http/1.1", source: str = "127.0.0.1") -> None:
        context = ssl.create_default_context(cafile=server.certificate)
        context.set_alpn_protocols([protocol])
        port = int(server.url.rpartition(":")[2])
        plain = socket.create_connection(("127.0.0.1", port), timeout=SECONDS, source_address=(source, 0))
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        self.open = True
        self.received = bytearray()
        self.sent = 0

    def send(self, data: bytes) -> bool:
        """Send, as long as the server takes it."""
        try:
            self._socket.sendall(data)
        except OSError:
            self.open = False
        self.sent += len(data)
        return self.open

    def blast(self, pieces: Iterable[bytes], stalled: float, most: int) -> None:
        """Send piece after piece and read nothing, until the server has not read for some time.

        :param most: octets to send.
        """
        self._socket.settimeout(stalled)
        for piece in pieces:
            if not self.send(piece) or self.sent > most:
                break
        self._socket.settimeout(SECONDS)

    def spray(self, pieces: Iterable[bytes], seconds: float = SECONDS) -> int:
        """Send piece after piece until the server has enough of it; how many were sent."""
        until = time.monotonic() + seconds
        sent = 0
        for piece in pieces:
            if time.monotonic() > until or not self.send(piece):
                break
            self._take(0)
            if not self.open:
                break
            sent += 1
        return sent

    def _take(self, seconds: float) -> bool:
        """Take what has come, or comes in some time; whether there may be more."""
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(65_536)
        except (TimeoutError, ssl.SSLWantReadError, BlockingIOError):
            return False
        except OSError:
            data = b""
        finally:
            self._socket.settimeout(SECONDS)
        self.received += data
        self.open = self.open and bool(data)
        return bool(data)

    def receive(self, seconds: float = SECONDS, enough: bytes | None = None) -> bytes:
        """All that has come until the server ends the connection, or something has come, or time is over."""
        until = time.monotonic() + seconds
        while (enough is None or enough not in self.received) and (left := until - time.monotonic()) > 0:
            if not self._take(left):
                break
        return bytes(self.received)

    def close(self) -> None:
        self._socket.close()
