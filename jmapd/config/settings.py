"""The settings as the rest of jmapd sees them: checked, typed and complete."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path

import attrs

from jmapd.config.reading import Values
from jmapd.protocol.limits import Limits
from jmapd.web.bounds import Bounds, SocketBounds
from jmapd.web.deflate import Compression


@attrs.frozen
class Listener:
    """A door.

    :param endpoint: a Twisted server endpoint string.
    :param tls: whether the server does TLS on it.
    """

    endpoint: str
    tls: bool


@attrs.frozen
class TLS:
    """The paths of the PEM files; both are empty where the server makes a certificate of its own."""

    certificate: str
    private_key: str


@attrs.frozen
class Server:
    """How the server is reached and where its data are.

    :param hostname: the name in the Session's URLs, and the part behind the @ where an address is given without one.
    :param url: scheme and authority by which clients reach us, or "" where the listeners tell it.
    :param data_dir: absolute.
    :param listeners: by name, in the file's order.
    :param http2: whether HTTP/2 is offered where there is TLS.
    :param bounds: of each connection.
    :param allowed_origins: of web pages, beside our own; ``*`` for all.
    :param trusted_proxies: networks, and ``unix``.
    """

    hostname: str
    url: str
    data_dir: Path
    listeners: Mapping[str, Listener]
    tls: TLS
    http2: bool
    bounds: Bounds
    allowed_origins: tuple[str, ...]
    trusted_proxies: tuple[str, ...]


@attrs.frozen
class Observe:
    """The door for those who look after the server.

    :param endpoint: a Twisted server endpoint string; "" for none.
    :param public: whether the network may reach it.
    """

    endpoint: str
    public: bool = False


@attrs.frozen
class Log:
    """What is logged, and how.

    :param level: the name of the least level.
    :param json: whether each line is a JSON object.
    :param access: whether requests and sockets have their lines.
    """

    level: str
    json: bool
    access: bool


@attrs.frozen
class Storage:
    """The store: a SQLAlchemy URL."""

    url: str


@attrs.frozen
class Workers:
    """The worker processes.

    :param count: readers; 0 for one per core, at least 2.
    :param memory: octets that one may use; 0 for no bound.
    :param soft_deadline: seconds after which a Request gets an error.
    :param hard_deadline: seconds after which its worker is killed.
    """

    count: int
    memory: int
    soft_deadline: float
    hard_deadline: float


@attrs.frozen
class Auth:
    """Who may log in, and how often they may be wrong.

    :param penalty: seconds of the longest delay after failed logins; 0: none.
    :param penalty_exempt: networks whose addresses are not slowed.
    """

    penalty: float
    penalty_exempt: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


@attrs.frozen
class WebSockets:
    """RFC 8887's transport, in seconds.

    :param throttle: least time between two pushes to one client; 0 gathers nothing.
    :param timeout: without a frame from the peer, the connection is closed; 0: never.
    :param heartbeat: between two Pings; 0: none.
    :param ticket_address: whether a ticket is for the address that got it alone.
    :param credentials_in_url: whether a socket's URL may hold a password or a token.
    :param compression: ``None`` for none.
    """

    throttle: float
    timeout: float
    heartbeat: float
    ticket_address: bool = False
    credentials_in_url: bool = False
    compression: Compression | None = attrs.field(factory=Compression)
    bounds: SocketBounds = attrs.field(factory=SocketBounds)


@attrs.frozen
class Push:
    """POSTs to PushSubscriptions.

    :param max_total: how many a user may have.
    :param throttle: seconds between two to one of them at least; 0 gathers nothing.
    :param timeout: seconds that one may take.
    :param allowed_networks: those that one may go to beside the internet.
    """

    max_total: int
    throttle: float
    timeout: float
    allowed_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


@attrs.frozen
class Upload:
    """What is kept of uploads that nothing refers to.

    :param ttl: seconds each is kept at least.
    :param quota_files: how many of them a user may have.
    :param quota_size: octets of all of them together.
    """

    ttl: float
    quota_files: int
    quota_size: int


@attrs.frozen
class Settings:
    """The whole configuration.

    :param keep_changes: seconds for which destroyed objects are remembered, for clients that were away.
    :param values: what they were made of.
    """

    server: Server
    observe: Observe
    log: Log
    storage: Storage
    workers: Workers
    auth: Auth
    web_sockets: WebSockets
    push: Push
    limits: Limits
    upload: Upload
    keep_changes: float
    values: Values = attrs.field(eq=False)

    def digest(self) -> str:
        """A short text that is another one when anything is that clients can see, in the Session above all."""
        listeners = [[one.endpoint, one.tls] for one in self.server.listeners.values()]
        seen = [self.server.hostname, self.server.url, listeners, attrs.asdict(self.limits)]
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:12]
