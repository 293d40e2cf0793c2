"""A bare echo: Autobahn alone, behind jmapd's own TLS listener. What it can do is the most that jmapd could.

    python -m bench.echo_server --port 8444 --folder var/tls

It says ``ready`` on standard output when it listens. Certificate and key are made in the folder, if they are not there.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor

from jmapd.observe.metrics import Metrics
from jmapd.web.admission import Admission
from jmapd.web.bounds import Bounds
from jmapd.web.certificates import Certificates, self_signed
from jmapd.web.doors import SecureDoor, Threshold

HOST = "127.0.0.1"


class Echo(WebSocketServerProtocol):
    """Sends back each message."""

    def onConnect(self, request: Any) -> str:
        """Take the subprotocol, so that the same clients can come."""
        return "jmap"

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Send it back."""
        self.sendMessage(payload, isBinary)


def listen(reactor: Any, port: int, folder: Path) -> None:
    """Open the door."""
    factory = WebSocketServerFactory(protocols=["jmap"], reactor=reactor)
    factory.protocol = Echo
    factory.setProtocolOptions(failByDrop=False)
    certificates = Certificates(reactor, *self_signed(folder, "localhost", datetime.now(UTC)))
    certificates.load_now()
    metrics = Metrics()
    threshold = Threshold(reactor, factory, Admission(100_000, metrics), Bounds(), metrics)
    reactor.listenTCP(port, SecureDoor(threshold, certificates), interface=HOST)
    print("ready", flush=True)


def main() -> None:
    """Serve until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8444)
    parser.add_argument("--folder", type=Path, default=Path("var/tls"))
    options = parser.parse_args()
    # mypy sees a module where the reactor is
    loop: Any = reactor
    loop.callWhenRunning(listen, loop, options.port, options.folder)
    loop.run()


if __name__ == "__main__":
    main()
