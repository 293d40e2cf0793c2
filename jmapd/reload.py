"""A reload: the configuration is read again, and those parts of a running server are told that hold some of it.

What takes a restart is marked so in `jmapd.config.table`. All else arrives by `Parts.tell`: a part is given its settings
when it is made, and others here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.threads import deferToThread
from twisted.logger import Logger

from jmapd.auth.penalty import Penalty
from jmapd.auth.tickets import Tickets
from jmapd.config import ConfigurationError, Settings
from jmapd.config.for_workers import worker_settings
from jmapd.config.mistakes import dotted
from jmapd.observe.access import AccessLog
from jmapd.observe.twistd import LoggedService
from jmapd.push.subscriptions import PushSubscriptions
from jmapd.push.throttle import ThrottleService
from jmapd.web.certificates import HTTP1, HTTP2, Certificates, self_signed
from jmapd.web.channel import HTTPFactory
from jmapd.web.doors import Threshold
from jmapd.web.forwarded import Proxies
from jmapd.web.heartbeat import HeartbeatService
from jmapd.web.ledger import Ledger
from jmapd.web.site import Tree
from jmapd.web.websocket import JMAPFactory
from jmapd.workers.pool import Pool

_log = Logger()


def readers(settings: Settings) -> int:
    """How many workers read."""
    return settings.workers.count or max(2, os.cpu_count() or 2)


def exempt(settings: Settings, proxies: Proxies) -> tuple[Any, ...]:
    """The networks from which wrong logins slow nobody.

    Who comes by a proxy that does not say whom it forwards cannot be told from the others who do.
    """
    return (*settings.auth.penalty_exempt, *proxies.networks)


def protocols(settings: Settings) -> tuple[bytes, ...]:
    """What is offered where there is TLS."""
    return HTTP2 if settings.server.http2 else HTTP1


def certificate_files(settings: Settings) -> tuple[Path, Path]:
    """The certificate and its key, which are made here if none are named.

    :raises OSError: where they cannot be made.
    """
    tls = settings.server.tls
    if tls.certificate:
        return Path(tls.certificate), Path(tls.private_key)
    return self_signed(settings.server.data_dir / "tls", settings.server.hostname, datetime.now(UTC))


@attrs.frozen
class Parts:
    """The parts that hold settings."""

    logged: LoggedService
    access: AccessLog
    throttle: ThrottleService
    push_subscriptions: PushSubscriptions
    heartbeat: HeartbeatService
    pool: Pool
    ledger: Ledger
    sockets: JMAPFactory
    proxies: Proxies
    penalty: Penalty
    tickets: Tickets
    tree: Tree
    http: HTTPFactory
    threshold: Threshold

    def tell(self, settings: Settings) -> Deferred[None]:
        """Have other settings be in force; fires when the workers know them too.

        Connections that are open keep what their handshake agreed on, and those of HTTP/2 all of their bounds.
        """
        server, web_sockets, bounds = settings.server, settings.web_sockets, settings.server.bounds
        self.logged.set(settings.log.level, settings.log.json)
        self.access.wanted = settings.log.access
        self.throttle.set(web_sockets.throttle)
        self.push_subscriptions.set(settings.push.throttle, settings.push.timeout, settings.push.allowed_networks)
        self.heartbeat.set(web_sockets.heartbeat, web_sockets.timeout, web_sockets.bounds.stall_timeout)
        self.ledger.most = bounds.max_sockets_per_user
        self.sockets.bounds, self.sockets.compression = web_sockets.bounds, web_sockets.compression
        self.proxies.trust(server.trusted_proxies)
        self.penalty.longest, self.penalty.exempt = settings.auth.penalty, exempt(settings, self.proxies)
        self.tickets.bind_to_address = web_sockets.ticket_address
        self.tree.credentials_in_url = web_sockets.credentials_in_url
        self.tree.origins.allow(server.allowed_origins)
        self.http.bounds = self.threshold.bounds = bounds
        self.threshold.admission.most = bounds.max_connections_per_address
        return self.pool.renew(
            worker_settings(settings), readers=readers(settings), hard_deadline=settings.workers.hard_deadline
        )


class Reload:
    """Reads the file again when it is told to.

    :param settings: those in force.
    :param read: reads the file beside settings in force (`jmapd.config.load_again`).
    """

    def __init__(self, settings: Settings, read: Callable[[Settings], Settings], parts: Parts) -> None:
        self.settings = settings
        self._read = read
        self._parts = parts

    @inlineCallbacks
    def run(self, certificates: Certificates | None) -> Any:
        """Read the file and the certificate; a file with a mistake changes nothing. Fires when all is in force.

        :param certificates: where there are some; they are read again in any case.
        """
        try:
            settings = yield deferToThread(self._read, self.settings)
        except ConfigurationError as error:
            for line in error.lines:
                _log.error("the old settings stay: {line}", line=line)
            settings = self.settings
        if certificates is not None:
            yield self._renew(certificates, settings)
        if settings is not self.settings:
            before, self.settings = self.settings, settings
            yield self._parts.tell(settings)
            _say(settings, before)

    @inlineCallbacks
    def _renew(self, certificates: Certificates, settings: Settings) -> Any:
        try:
            certificate, key = yield deferToThread(certificate_files, settings)
        except OSError as error:
            _log.error("the old certificate stays: {why}", why=error)
        else:
            certificates.use(certificate, key, protocols(settings))
            yield certificates.reload()


def _say(settings: Settings, before: Settings) -> None:
    """Name what has changed, and what a restart is to change."""
    values = settings.values
    changed = [f"{dotted(key)} = {values.written(key)}" for key in values.differing(before.values)]
    _log.info("{file} has been read again; changed: {what}", file=values.file, what=", ".join(changed) or "nothing")
    if values.pending:
        pending = ", ".join(map(dotted, values.pending))
        _log.warn("what changed in {file} needs a restart: {pending}", file=values.file, pending=pending)
