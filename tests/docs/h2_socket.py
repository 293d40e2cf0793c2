"""A WebSocket on HTTP/2 (RFC 8441), by a client that blocks: for what stands in front of jmapd."""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path

import h2.connection
import h2.events
from h2.settings import SettingCodes

_TEXT = 0x81
_MASKED = 0x80


class H2Socket:
    """A connection with one WebSocket on it.

    :param address: where the server is, and where the client comes from.
    :ivar offered: whether the server takes an extended CONNECT.
    :ivar headers: of the handshake's answer.
    """

    def __init__(self, address: tuple[str, int], source: str, certificate: Path) -> None:
        context = ssl.create_default_context(cafile=certificate)
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(address, 20, (source, 0))
        self._tls = context.wrap_socket(plain, server_hostname="localhost")
        self._h2 = h2.connection.H2Connection()
        self._h2.initiate_connection()
        self._authority = f"localhost:{address[1]}"
        self._data = bytearray()
        self.headers: dict[str, str] = {}
        self.offered = False
        self._flush()
        while not self._settled:
            self._hear()

    _settled = False

    def open(self, path: str, authorization: str) -> None:
        """Ask for the WebSocket."""
        fields = {
            ":method": "CONNECT",
            ":protocol": "websocket",
            ":scheme": "https",
            ":path": path,
            ":authority": self._authority,
            "authorization": authorization,
            "sec-websocket-protocol": "jmap",
            "sec-websocket-version": "13",
        }
        self._h2.send_headers(1, list(fields.items()))
        self._flush()
        while not self.headers:
            self._hear()

    def send(self, text: str) -> None:
        """Send a message, masked with zeros."""
        data = text.encode()
        size = bytes([_MASKED | len(data)]) if len(data) < 126 else struct.pack("!BH", _MASKED | 126, len(data))
        self._h2.send_data(1, bytes([_TEXT]) + size + bytes(4) + data)
        self._flush()

    def receive(self) -> str:
        """The next message, which is in one frame."""
        kind, size = self._take(2)
        assert kind == _TEXT, hex(kind)
        if size == 126:
            size = int.from_bytes(self._take(2))
        elif size == 127:
            size = int.from_bytes(self._take(8))
        return self._take(size).decode()

    def close(self) -> None:
        """Go away."""
        self._tls.close()

    def _take(self, size: int) -> bytes:
        while len(self._data) < size:
            self._hear()
        taken = bytes(self._data[:size])
        del self._data[:size]
        return taken

    def _flush(self) -> None:
        self._tls.sendall(self._h2.data_to_send())

    def _hear(self) -> None:
        data = self._tls.recv(65536)
        assert data, "the connection was closed"
        for event in self._h2.receive_data(data):
            if isinstance(event, h2.events.RemoteSettingsChanged):
                self._settled = True
                setting = event.changed_settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL)
                self.offered = self.offered or (setting is not None and setting.new_value == 1)
            elif isinstance(event, h2.events.ResponseReceived):
                self.headers = {str(_text(name)): str(_text(value)) for name, value in event.headers or ()}
            elif isinstance(event, h2.events.DataReceived):
                self._data += event.data or b""
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, 1)
            assert not isinstance(event, (h2.events.StreamReset, h2.events.StreamEnded)), event
        self._flush()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
