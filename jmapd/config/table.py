"""Every setting there is: its key, the kind of its value, its default and what it is for."""

from __future__ import annotations

from typing import Any

import attrs

from jmapd.config import kinds
from jmapd.config.kinds import Kind
from jmapd.config.mistakes import Key
from jmapd.protocol.limits import MAX_PUSH_SUBSCRIPTIONS

ANY = "*"
"""Stands in a key for a name that the administrator chooses."""

REQUIRED: Any = object()
"""Stands for a default where there is none."""


@attrs.frozen
class Setting:
    """The declaration of one setting.

    :param key: its way through the file's tables.
    :param default: as the file would have it.
    :param doc: what it is for, to follow after its name.
    :param restart: whether another value takes a restart of the server; else a reload applies it (`jmapd.reload`).
    """

    key: Key
    kind: Kind[Any]
    default: Any
    doc: str
    restart: bool = False


def _setting(key: str, kind: Kind[Any], default: Any, doc: str, *, restart: bool = False) -> Setting:
    return Setting(tuple(key.split(".")), kind, default, doc, restart)


LISTENERS: Key = ("server", "listener")
DEFAULT_LISTENER = "https"
DEFAULT_ENDPOINT = "tcp:8443:interface=127.0.0.1"

WEB_SOCKETS: Key = ("jmap", "web-sockets")
ALIASES: dict[Key, Key] = {("jmap", "web-socket"): WEB_SOCKETS}
"""Tables that may be written with another name."""

SETTINGS = (
    _setting(
        "server.hostname",
        kinds.HOST_NAME,
        "localhost",
        "the name in the Session's URLs, and the part behind the @ where an address is given without one",
        restart=True,
    ),
    _setting(
        "server.url",
        kinds.HTTP_URL,
        "",
        "how clients reach the server where a proxy stands between; default: made of hostname and the port of the "
        "first TLS listener, else of the first",
        restart=True,
    ),
    _setting(
        "server.data-dir",
        kinds.PATH,
        "",
        "where everything is kept; default: $STATE_DIRECTORY, else ./var",
        restart=True,
    ),
    _setting(
        "server.allowed-origins",
        kinds.ORIGINS,
        [],
        "web pages that may talk to the server, beside its own; default: none. A foreign Origin is refused",
    ),
    _setting(
        "server.trusted-proxies",
        kinds.PROXIES,
        [],
        "whose X-Forwarded-For, or else Forwarded, tells where a request came from; default: nobody's",
    ),
    _setting(
        "server.listener.*.endpoint",
        kinds.ENDPOINT,
        REQUIRED,
        "where to listen: a Twisted server endpoint",
        restart=True,
    ),
    _setting(
        "server.listener.*.tls",
        kinds.FLAG,
        True,
        "false on loopback or a unix socket, for a proxy that does TLS",
        restart=True,
    ),
    _setting(
        "server.tls.certificate", kinds.PATH, "", "PEM file with the chain; default: self-signed, for loopback only"
    ),
    _setting("server.tls.private-key", kinds.PATH, "", "PEM file with its private key, unencrypted"),
    _setting("server.http2", kinds.FLAG, True, "whether HTTP/2 is offered where there is TLS"),
    _setting(
        "server.bounds.max-connections-per-address",
        kinds.count(1, 1_000_000),
        1000,
        "open at once from one address (IPv6: from one /64); trusted proxies are not counted",
    ),
    _setting(
        "server.bounds.max-sockets-per-user",
        kinds.count(1, 1_000_000),
        1000,
        "WebSockets and event streams open at once",
    ),
    _setting("server.bounds.handshake-timeout", kinds.duration("100ms", "10m"), "10s", "time for a TLS handshake"),
    _setting(
        "server.bounds.header-timeout",
        kinds.duration("100ms", "10m"),
        "10s",
        "time for a request's header, from its first octet; for the first one from the handshake",
    ),
    _setting(
        "server.bounds.body-timeout",
        kinds.duration("100ms", "1h"),
        "60s",
        "in each such time body-rate must have been kept, but for what the server pauses itself",
    ),
    _setting("server.bounds.body-rate", kinds.size("1B", "1GiB"), "1KiB", "octets a second that must come of a body"),
    _setting("server.bounds.idle-timeout", kinds.duration("100ms", "1d"), "120s", "time between two requests"),
    _setting("server.bounds.max-header-fields", kinds.count(10, 10_000), 100, "header fields of a request"),
    _setting("server.bounds.max-header-size", kinds.size("1KiB", "1MiB"), "16KiB", "octets of them all"),
    _setting("server.bounds.max-request-line", kinds.size("256B", "1MiB"), "8KiB", "octets of a request's first line"),
    _setting(
        "server.bounds.max-streams",
        kinds.count(1, 10_000),
        100,
        "requests and WebSockets open at once on an HTTP/2 connection",
    ),
    _setting(
        "server.bounds.max-resets",
        kinds.count(1, 1_000_000),
        200,
        "streams reset in 10 s on an HTTP/2 connection, by the client or for what it did",
    ),
    _setting("server.bounds.max-pings", kinds.count(1, 1_000_000), 100, "PING frames in 10 s on an HTTP/2 connection"),
    _setting("server.bounds.max-settings", kinds.count(1, 1_000_000), 20, "SETTINGS frames in 10 s on one"),
    _setting(
        "server.bounds.max-bare-frames", kinds.count(10, 1_000_000), 1000, "other frames without content in 10 s on one"
    ),
    _setting(
        "observe.endpoint",
        kinds.OPTIONAL_ENDPOINT,
        "",
        "where /metrics, /healthz and /readyz are, over plain HTTP; default: nowhere",
        restart=True,
    ),
    _setting(
        "observe.public", kinds.FLAG, False, "true where that endpoint may be reached from the network", restart=True
    ),
    _setting("log.level", kinds.LOG_LEVEL, "info", "the least level that is logged"),
    _setting("log.format", kinds.LOG_FORMAT, "text", "json: one object on each line"),
    _setting("log.access", kinds.FLAG, True, "a line for each HTTP request, two for each WebSocket"),
    _setting("storage.url", kinds.SQLITE_URL, "", "SQLAlchemy URL; default: a SQLite file in data-dir", restart=True),
    _setting(
        "workers.count",
        kinds.count(2, 1024, "one per core, at least 2"),
        0,
        "processes that read; one more writes",
    ),
    _setting("workers.memory", kinds.size("128MiB", "1024GiB", "no bound"), "512MiB", "what each of them may use"),
    _setting(
        "workers.soft-deadline", kinds.duration("100ms", "1h"), "10s", "time for a Request before it gets an error"
    ),
    _setting(
        "workers.hard-deadline", kinds.duration("200ms", "2h"), "30s", "time for a Request before its worker is killed"
    ),
    _setting(
        "auth.penalty",
        kinds.duration("1s", "1h", "none"),
        "15s",
        "the longest delay of a login after wrong ones from the same address, or for the same user",
    ),
    _setting(
        "auth.penalty-exempt",
        kinds.NETWORKS,
        [],
        "networks from which wrong logins slow nobody else there",
    ),
    _setting(
        "jmap.web-sockets.throttle",
        kinds.duration("1ms", "1d", "none"),
        "1s",
        "least time between two pushes to one client; what changes meanwhile is gathered",
    ),
    _setting(
        "jmap.web-sockets.timeout",
        kinds.duration("100ms", "30d", "never"),
        "10s",
        "a connection whose client was silent for so long is closed; longer than heartbeat",
    ),
    _setting("jmap.web-sockets.heartbeat", kinds.duration("100ms", "30d", "none"), "5s", "time between two Pings"),
    _setting("jmap.web-sockets.compression", kinds.FLAG, True, "whether permessage-deflate (RFC 7692) is agreed to"),
    _setting(
        "jmap.web-sockets.compression-takeover",
        kinds.FLAG,
        False,
        "whether the window is kept between messages: smaller ones, for some 300 KiB of memory for each connection",
    ),
    _setting(
        "jmap.web-sockets.compression-window-bits",
        kinds.count(9, 15),
        15,
        "the largest window, as the logarithm of its octets",
    ),
    _setting(
        "jmap.web-sockets.compression-min-size",
        kinds.size("0B", "1GiB"),
        "1KiB",
        "octets of a message below which it is sent as it is",
    ),
    _setting(
        "jmap.web-sockets.compression-max-size",
        kinds.size("1KiB", "64MiB"),
        "1MiB",
        "octets above which it is too: all other connections wait for a compression",
    ),
    _setting(
        "jmap.web-sockets.max-frames", kinds.count(1, 100_000_000), 4096, "frames of a message, empty ones included"
    ),
    _setting(
        "jmap.web-sockets.max-control-frames", kinds.count(1, 1_000_000), 100, "Pings and Pongs from a client in 10 s"
    ),
    _setting(
        "jmap.web-sockets.max-unsent",
        kinds.size("64KiB", "4GiB"),
        "64MiB",
        "octets that may wait for a client that does not read",
    ),
    _setting(
        "jmap.web-sockets.stall-timeout", kinds.duration("1s", "1d"), "5m", "time for which a client may read nothing"
    ),
    _setting(
        "jmap.web-sockets.ticket-address", kinds.FLAG, False, "whether a ticket is for the address that got it alone"
    ),
    _setting(
        "jmap.web-sockets.credentials-in-url",
        kinds.FLAG,
        False,
        "whether ?basic= and ?access_token= in a socket's URL are taken, for web clients that know no tickets",
    ),
    _setting(
        "jmap.push.max-total", kinds.count(1, 100_000), MAX_PUSH_SUBSCRIPTIONS, "PushSubscriptions that a user may have"
    ),
    _setting(
        "jmap.push.throttle",
        kinds.duration("1ms", "1d", "none"),
        "1s",
        "least time between two POSTs to a PushSubscription; what changes meanwhile is gathered",
    ),
    _setting("jmap.push.timeout", kinds.duration("1s", "5m"), "10s", "time that such a POST may take"),
    _setting(
        "jmap.push.allowed-networks",
        kinds.NETWORKS,
        [],
        "networks that POSTs may go to beside the internet, which alone they reach: a push service in the own network",
    ),
    _setting("jmap.protocol.request.max-size", kinds.size("1KiB", "200MB"), 10_000_000, "octets of a Request"),
    _setting("jmap.protocol.request.max-calls", kinds.count(1, 10_000), 16, "method calls in a Request"),
    _setting(
        "jmap.protocol.request.max-concurrent",
        kinds.count(1, 1024),
        4,
        "Requests of a user under way at once; further ones wait",
    ),
    _setting("jmap.protocol.get.max-objects", kinds.count(1, 1_000_000), 500, "objects in one /get"),
    _setting("jmap.protocol.set.max-objects", kinds.count(1, 1_000_000), 500, "objects in one /set"),
    _setting("jmap.protocol.query.max-results", kinds.count(1, 1_000_000), 5000, "ids in one /query response"),
    _setting("jmap.protocol.changes.max-results", kinds.count(1, 1_000_000), 5000, "ids in one /changes response"),
    _setting("jmap.protocol.upload.max-size", kinds.size("1KiB", "200MB"), 50_000_000, "octets of an uploaded file"),
    _setting("jmap.protocol.upload.max-concurrent", kinds.count(1, 1024), 4, "uploads of a user under way at once"),
    _setting(
        "jmap.protocol.upload.ttl", kinds.duration("1h", "365d"), "1h", "an upload is kept so long without an object"
    ),
    _setting(
        "jmap.protocol.upload.quota-files",
        kinds.count(1, 1_000_000),
        1000,
        "such uploads of a user; the oldest give way",
    ),
    _setting("jmap.protocol.upload.quota-size", kinds.size("1KiB", "1024GiB"), 50_000_000, "octets of all of them"),
    _setting("jmap.changes.keep", kinds.duration("1h", "3650d"), "90d", "clients may be away so long without a resync"),
)
"""In the order of etc/jmapd.toml."""


def declared(key: Key) -> Setting | None:
    """The setting that a key of a file means."""
    return next((setting for setting in SETTINGS if _fits(setting.key, key)), None)


def tables() -> frozenset[Key]:
    """The keys of all tables, with `ANY` in them."""
    return frozenset(setting.key[:end] for setting in SETTINGS for end in range(len(setting.key)))


def is_table(key: Key) -> bool:
    """Whether this is the key of a table rather than of a value."""
    return any(_fits(table, key) for table in tables())


def names_in(above: Key) -> list[str]:
    """What may stand in a table: settings and further tables."""
    inside = (one.key for one in SETTINGS if len(one.key) > len(above) and _fits(one.key[: len(above)], above))
    return list(dict.fromkeys("NAME" if key[len(above)] == ANY else key[len(above)] for key in inside))


def _fits(pattern: Key, key: Key) -> bool:
    return len(pattern) == len(key) and all(part in (ANY, name) for part, name in zip(pattern, key, strict=True))
