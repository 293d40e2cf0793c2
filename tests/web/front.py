"""The front with a fake pool behind it, on real loopback ports."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater

from jmapd.auth.authenticator import Authenticator
from jmapd.auth.lifetime import Lifetimes
from jmapd.auth.passwords import Passwords
from jmapd.auth.penalty import Penalty
from jmapd.auth.tickets import Tickets
from jmapd.http2.connection import Connection as HTTP2Connection
from jmapd.observe.access import AccessLog
from jmapd.observe.metrics import Metrics
from jmapd.protocol.limits import Limits
from jmapd.push.hub import Hub
from jmapd.push.throttle import ThrottleService
from jmapd.web.admission import Admission
from jmapd.web.bounds import Bounds, SocketBounds
from jmapd.web.certificates import HTTP2, Certificates, self_signed
from jmapd.web.channel import HTTPFactory
from jmapd.web.doors import PlainDoor, SecureDoor, Threshold
from jmapd.web.event_source import EventSources
from jmapd.web.forwarded import Proxies
from jmapd.web.heartbeat import HeartbeatService
from jmapd.web.ledger import Ledger
from jmapd.web.tree import make_tree
from jmapd.web.websocket import JMAPFactory
from tests.inreactor import run
from tests.web.fakes import FakePool
from tests.web.peer import Peer

LIMITS = Limits(max_size_request=100_000, max_size_upload=300_000, max_concurrent_upload=2)


@attrs.define(eq=False)
class Front:
    """All of the front but the service."""

    pool: FakePool
    hub: Hub
    sockets: JMAPFactory
    http: HTTPFactory
    metrics: Metrics
    heartbeat: HeartbeatService
    throttle: ThrottleService
    passwords: Passwords
    tickets: Tickets
    penalty: Penalty
    ports: list[IListeningPort]

    def hits(self, bound: str) -> float:
        """How often a bound was met."""
        return self.metrics.registry.get_sample_value("jmapd_bounds_hit_total", {"bound": bound}) or 0

    async def connect(self, *, tls: bool = False) -> Peer:
        """A connection of a client, which trusts any certificate."""
        address: Any = self.ports[tls].getHost()
        endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", address.port)
        if tls:
            endpoint = wrapClientTLS(ssl.CertificateOptions(verify=False), endpoint)
        peer: Peer = await connectProtocol(endpoint, Peer())
        self.peers.append(peer)
        return peer

    peers: list[Peer] = attrs.field(factory=list)

    async def stop(self) -> None:
        for peer in self.peers:
            if not peer.lost:
                peer.transport.abortConnection()  # type: ignore[union-attr]  # it is connected
        for port in self.ports:
            await maybeDeferred(port.stopListening)
        while self.http.channels or self.sockets.connections:
            await turn()
        await self.heartbeat.stopService()
        await self.throttle.stopService()
        self.passwords.stop()


def start(folder: Path, limits: Limits = LIMITS, throttle: float = 0.1, **options: Any) -> Front:
    pool: Any = FakePool(limits=limits)
    hub = Hub(reactor.seconds)
    passwords = Passwords(reactor)
    passwords.start()
    metrics, bounds, access = Metrics(), options.get("bounds", Bounds()), AccessLog(False)
    clock = options.get("clock", reactor)
    ledger = Ledger(reactor.seconds, bounds.max_sockets_per_user, metrics, access)
    lifetimes = Lifetimes(reactor, pool)
    sockets = JMAPFactory(
        reactor,
        pool,
        hub,
        lifetimes,
        reactor.seconds,
        attrs.evolve(options.get("socket_bounds", SocketBounds()), max_size=limits.max_size_request),
        ledger,
        options.get("compression"),
    )
    event_sources = EventSources(clock, pool, hub, lifetimes, ledger)
    hub.throttle = throttling = ThrottleService(reactor, hub, throttle)
    heartbeat = HeartbeatService(reactor, sockets.connections, options.get("heartbeat", 0), options.get("timeout", 0))
    heartbeat.startService()
    penalty = Penalty(reactor, options.get("penalty", 0))
    tickets = Tickets(reactor, bind_to_address=options.get("ticket_address", False))
    authenticator = Authenticator(reactor, pool, passwords, tickets, penalty)
    tree = make_tree(
        clock,
        pool,
        authenticator,
        sockets,
        event_sources,
        lambda: options.get("url", "https://mail.example"),
        tickets=tickets,
        credentials_in_url=options.get("credentials_in_url", False),
        allowed_origins=options.get("allowed_origins", ()),
        proxies=Proxies(options.get("trusted_proxies", ())),
    )
    http = HTTPFactory(tree, bounds, metrics, access)
    http.by_alpn[b"h2"] = HTTP2Connection
    certificates = Certificates(reactor, *self_signed(folder, "localhost", options["now"]), HTTP2)
    certificates.load_now()
    admission = Admission(bounds.max_connections_per_address, metrics, options.get("trusted", lambda address: False))
    threshold = Threshold(clock, http, admission, bounds, metrics)
    doors = PlainDoor(threshold), SecureDoor(threshold, certificates)
    listening: Any = reactor
    ports = [listening.listenTCP(0, factory, interface="127.0.0.1") for factory in doors]
    return Front(pool, hub, sockets, http, metrics, heartbeat, throttling, passwords, tickets, penalty, ports)


def turn(seconds: float = 0) -> Deferred[None]:
    """Let the reactor go on."""
    return deferLater(reactor, seconds, lambda: None)


Test = Callable[[Front], Coroutine[Any, Any, None]]


def with_front(**options: Any) -> Callable[[Test], Callable[[Path], None]]:
    """A test that is given a front, in the reactor."""

    def decorate(test: Test) -> Callable[[Path], None]:
        @wraps(test)
        def started(tmp_path: Path) -> None:
            async def whole() -> None:
                front = start(tmp_path, now=datetime.now(UTC), **options)
                try:
                    await test(front)
                finally:
                    await front.stop()

            run(whole())

        # pytest must see the argument that it is to give, not those of the test that is wrapped
        del started.__wrapped__
        return started

    return decorate
