"""A push service on a real port, with real TLS: what clients register the URLs of."""

from __future__ import annotations

import ssl
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import attrs

from jmapd.web.certificates import self_signed

SECONDS = 30.0


@attrs.frozen
class Posted:
    """A POST that has come.

    :param headers: by lower-case names.
    """

    path: str
    headers: dict[str, str]
    body: bytes


class PushService:
    """It keeps what it is sent, and answers as it is told to.

    :param folder: for the certificate, unless there is one already, which names localhost, 127.0.0.1 and ::1.
    :ivar answers: for the next POSTs, each a status, further headers and a body; then it is 201 again.
    :ivar certificate: whom its clients must trust.
    """

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.posted: Queue[Posted] = Queue()
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.certificate, key = self_signed(folder, "localhost", datetime.now(UTC))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, key)
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                headers = {name.lower(): value for name, value in self.headers.items()}
                posted = Posted(self.path, headers, self.rfile.read(length))
                status, more, body = service.answers.pop(0) if service.answers else (201, {}, b"")
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                service.posted.put(posted)
                try:
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_address[1]

    def url(self, path: str = "/it") -> str:
        """A URL of it."""
        return f"https://localhost:{self.port}{path}"

    def next(self, seconds: float = SECONDS) -> Posted:
        """The next POST, when it has come."""
        return self.posted.get(timeout=seconds)

    def is_quiet(self) -> bool:
        """Whether nothing has come that was not looked at."""
        try:
            self.posted.get_nowait()
        except Empty:
            return True
        return False

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
