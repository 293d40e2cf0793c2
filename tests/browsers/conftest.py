"""A browser for the whole session, a server that it trusts, and a page of another origin."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jmapd.web.certificates import self_signed
from tests.browsers.chromium import Chromium, Page
from tests.system.server import Server

PROTOCOLS = {"http/1.1": ["--disable-http2"], "h2": []}
"""What the browser speaks with the server, by the name that it has for it, with the flags that make it do so."""

Pair = tuple[Path, Path]


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The certificate of all servers, and its key."""
    return self_signed(tmp_path_factory.mktemp("tls"), "localhost", datetime.now(UTC))


@pytest.fixture(scope="session", params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    """What is spoken."""
    found: str = request.param
    return found


@pytest.fixture(scope="session")
def browser(protocol: str, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """The browser."""
    made = Chromium(tmp_path_factory.mktemp("profile"), pair[0], *PROTOCOLS[protocol])
    yield made
    made.stop()


@pytest.fixture
def open_page(browser: Chromium, protocol: str) -> Iterator[Callable[[str], Page]]:
    """Opens pages, which are closed in the end."""
    pages: list[Page] = []

    def opened(url: str) -> Page:
        page = browser.page(url)
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.close()


@pytest.fixture(scope="session")
def foreign(pair: Pair) -> Iterator[str]:
    """The origin of a page that is not the server's: the same host, another port."""
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"https://localhost:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<!DOCTYPE html><title>a web client</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """It says nothing."""


@pytest.fixture
def make_server(tmp_path: Path, pair: Pair) -> Iterator[Callable[[str], Server]]:
    """Starts a server with one account, given what its configuration says of ``[server]``."""
    servers: list[Server] = []

    def made(settings: str) -> Server:
        tls = f'[server.tls]\ncertificate = "{pair[0]}"\nprivate-key = "{pair[1]}"\n'
        server = Server(tmp_path, throttle="100ms", more=tls, settings=settings)
        servers.append(server)
        server.start()
        server.add_account()
        return server

    yield made
    for server in servers:
        server.kill()


@pytest.fixture
def server(make_server: Callable[[str], Server]) -> Server:
    """A server that allows no foreign pages."""
    return make_server("")


@pytest.fixture
def allowing(make_server: Callable[[str], Server], foreign: str) -> Server:
    """A server that allows the foreign page."""
    return make_server(f'allowed-origins = ["{foreign}"]')
