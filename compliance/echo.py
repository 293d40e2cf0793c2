"""An echo server made of jmapd's own parts: everything below JMAP, and an echo where JMAP would be.

It listens with TLS and without, prints the two ports, and ends when its input does.

    python -m compliance.echo [--takeover]
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure

from jmapd.auth.principal import Principal
from jmapd.http2.connection import Connection as HTTP2Connection
from jmapd.observe.metrics import Metrics
from jmapd.web.admission import Admission
from jmapd.web.bounds import Bounds, SocketBounds
from jmapd.web.certificates import HTTP2, Certificates, self_signed
from jmapd.web.channel import HTTPFactory
from jmapd.web.deflate import Compression
from jmapd.web.doors import PlainDoor, SecureDoor, Threshold
from jmapd.web.forwarded import Proxies
from jmapd.web.handshake import agreed, check, take_over
from jmapd.web.messages import MessageFactory, MessageProtocol
from jmapd.web.origins import Origins
from jmapd.web.request import Body, NoBody, Request
from jmapd.web.resources import GET
from jmapd.web.site import Tree

PATH = "/jmap/ws"

BOUNDS = SocketBounds(max_size=16 * 1024 * 1024, max_frames=100_000)
"""The suite's largest message, and the frames of 64 octets in which one of 4 MiB comes; the others are jmapd's own."""


class Echo(MessageProtocol):
    """Sends every message back."""

    takes_binary = True

    def message_received(self, payload: bytes, binary: bool) -> None:
        """A message has come whole."""
        self.send(payload, binary=binary)


class Handshake:
    """Takes everybody's handshakes."""

    methods = GET
    public = True
    takes_ticket = False

    def __init__(self, factory: MessageFactory) -> None:
        self._factory = factory

    def open(self, request: Request, principal: Principal | None) -> Body:
        """Check it as jmapd does."""
        check(request)
        protocol = Echo(agreed(request, self._factory))
        protocol.factory = self._factory
        return NoBody(lambda: take_over(request, protocol))


class EndOfInput(Protocol):
    """Whoever has started the server is done with it, or gone."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End."""
        _reactor().stop()


def listen(folder: Path, compression: Compression) -> list[int]:
    """Open both doors, on loopback.

    :param folder: for a certificate.
    :returns: the port without TLS and the one with it.
    """
    metrics, bounds = Metrics(), Bounds()
    factory = MessageFactory(_reactor(), _reactor().seconds, BOUNDS, compression, metrics)
    nobody: Any = None
    handshake = Handshake(factory)
    origins = Origins((), lambda: "https://localhost")
    tree = Tree(_reactor(), nobody, {PATH: handshake}, handshake, origins, Proxies(), credentials_in_url=False)
    http = HTTPFactory(tree, bounds, metrics)
    http.by_alpn[b"h2"] = HTTP2Connection
    certificates = Certificates(_reactor(), *self_signed(folder, "localhost", datetime.now(UTC)), HTTP2)
    certificates.load_now()
    threshold = Threshold(_reactor(), http, Admission(bounds.max_connections_per_address, metrics), bounds, metrics)
    doors = PlainDoor(threshold), SecureDoor(threshold, certificates)
    return [_reactor().listenTCP(0, door, interface="127.0.0.1").getHost().port for door in doors]


def _reactor() -> Any:
    """Twisted's module has no types."""
    return reactor


def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takeover", action="store_true", help="keep the window, and compress messages of any size")
    arguments = parser.parse_args()
    compression = Compression()
    if arguments.takeover:
        compression = attrs.evolve(compression, takeover=True, min_size=0, max_size=BOUNDS.max_size)
    with tempfile.TemporaryDirectory() as folder:
        ports = listen(Path(folder), compression)
    print(*ports, flush=True)
    StandardIO(EndOfInput())
    _reactor().run()


if __name__ == "__main__":
    main()
