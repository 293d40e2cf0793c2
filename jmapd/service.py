"""The server put together: everything is made here, and handed to what needs it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import autobahn.websocket
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.logger import Logger

from jmapd import __version__
from jmapd.auth.authenticator import Authenticator
from jmapd.auth.lifetime import Lifetimes
from jmapd.auth.passwords import Passwords
from jmapd.auth.penalty import Penalty
from jmapd.auth.tickets import Tickets
from jmapd.config import Settings
from jmapd.config.address import public_url
from jmapd.config.for_workers import worker_settings
from jmapd.http2.connection import Connection as HTTP2Connection
from jmapd.http2.shift import Shift
from jmapd.listeners import Address, Exposed, Listeners, NotListening
from jmapd.observe.access import AccessLog
from jmapd.observe.metrics import Metrics
from jmapd.observe.pages import Pages
from jmapd.observe.readiness import Readiness
from jmapd.observe.twistd import LoggedService
from jmapd.push.hub import Hub
from jmapd.push.outward import Allowed
from jmapd.push.post import Poster
from jmapd.push.subscriptions import PushSubscriptions
from jmapd.push.throttle import ThrottleService
from jmapd.readings import read_all
from jmapd.reload import Parts, Reload, certificate_files, exempt, protocols, readers
from jmapd.supervisor import Supervisor
from jmapd.web.admission import Admission
from jmapd.web.certificates import Certificates
from jmapd.web.channel import HTTPFactory
from jmapd.web.connections import Connections
from jmapd.web.doors import Threshold
from jmapd.web.event_source import EventSources
from jmapd.web.forwarded import Proxies
from jmapd.web.heartbeat import HeartbeatService
from jmapd.web.ledger import Ledger
from jmapd.web.tree import make_tree
from jmapd.web.websocket import JMAPFactory
from jmapd.workers import lock
from jmapd.workers.control import ControlFactory
from jmapd.workers.crew import Unopenable
from jmapd.workers.pool import Pool
from jmapd.workers.sweeper import SweepService

GRACE = 10.0
"""Seconds that Requests under way, and clients saying goodbye, have when the server stops."""

LOCK_PATIENCE = 5.0
"""Seconds to wait at the start for the workers of a server that was killed to be gone."""

_log = Logger()


def make_service(
    settings: Settings, reactor: Any, read: Callable[[Settings], Settings], logged: LoggedService
) -> JmapdService:
    """The whole server. Nothing is bound, spawned or opened before it is started.

    :param reactor: Twisted's, which everything is given.
    :param read: reads the configuration again, beside the settings in force.
    :param logged: writes the log.
    """
    bounds = settings.server.bounds
    metrics = Metrics()
    access = AccessLog(settings.log.access)
    hub = Hub(reactor.seconds, metrics)
    hub.throttle = throttle = ThrottleService(reactor, hub, settings.web_sockets.throttle)
    pool = Pool(
        reactor,
        worker_settings(settings),
        hub,
        readers=readers(settings),
        hard_deadline=settings.workers.hard_deadline,
        metrics=metrics,
    )
    address = Address(public_url(settings))
    ledger = Ledger(reactor.seconds, bounds.max_sockets_per_user, metrics, access)
    lifetimes = Lifetimes(reactor, pool)
    poster = Poster(reactor, settings.push.timeout, Allowed(settings.push.allowed_networks), metrics)
    push_subscriptions = PushSubscriptions(reactor, pool, hub, poster, settings.push.throttle)
    web_sockets = settings.web_sockets
    sockets = JMAPFactory(
        reactor, pool, hub, lifetimes, reactor.seconds, web_sockets.bounds, ledger, web_sockets.compression
    )
    event_sources = EventSources(reactor, pool, hub, lifetimes, ledger)
    heartbeat = HeartbeatService(
        reactor, sockets.connections, web_sockets.heartbeat, web_sockets.timeout, web_sockets.bounds.stall_timeout
    )
    passwords = Passwords(reactor)
    proxies = Proxies(settings.server.trusted_proxies)
    penalty = Penalty(reactor, settings.auth.penalty, exempt(settings, proxies), metrics)
    tickets = Tickets(reactor, bind_to_address=web_sockets.ticket_address)
    authenticator = Authenticator(reactor, pool, passwords, tickets, penalty, metrics)
    tree = make_tree(
        reactor,
        pool,
        authenticator,
        sockets,
        event_sources,
        address,
        tickets=tickets,
        credentials_in_url=web_sockets.credentials_in_url,
        allowed_origins=settings.server.allowed_origins,
        proxies=proxies,
    )
    http = HTTPFactory(tree, bounds, metrics, access)
    http.by_alpn[b"h2"] = partial(HTTP2Connection, shift=Shift(reactor))
    admission = Admission(bounds.max_connections_per_address, metrics, proxies.is_trusted)
    threshold = Threshold(reactor, http, admission, bounds, metrics)
    control = ControlFactory(pool, Connections(http, sockets, reactor.seconds).operations())
    readiness = Readiness(lambda: pool.is_ready)
    listeners = Listeners(reactor, settings, threshold, control, Pages(reactor, metrics, readiness), address)
    supervisor = Supervisor(reactor, os.environ)
    pool.crew.on_migrating = supervisor.migrating
    parts = Parts(
        logged,
        access,
        throttle,
        push_subscriptions,
        heartbeat,
        pool,
        ledger,
        sockets,
        proxies,
        penalty,
        tickets,
        tree,
        http,
        threshold,
    )
    reload = Reload(settings, read, parts)
    service = JmapdService(
        reactor, reload, pool, passwords, sockets, event_sources, http, listeners, readiness, address, supervisor
    )
    read_all(metrics, pool, http, sockets)
    for part in (throttle, push_subscriptions, heartbeat, SweepService(reactor, pool), supervisor):
        part.setServiceParent(service)
    return service


class JmapdService(MultiService):
    """Starts what `make_service` made in the right order, and stops it in the other."""

    def __init__(
        self,
        reactor: Any,
        reload: Reload,
        pool: Pool,
        passwords: Passwords,
        sockets: JMAPFactory,
        event_sources: EventSources,
        http: HTTPFactory,
        listeners: Listeners,
        readiness: Readiness,
        address: Address,
        supervisor: Supervisor,
    ) -> None:
        super().__init__()
        self._reactor = reactor
        self._settings = reload.settings
        self._reload = reload
        self._pool = pool
        self._passwords = passwords
        self._sockets = sockets
        self._event_sources = event_sources
        self._http = http
        self._listeners = listeners
        self._readiness = readiness
        self._address = address
        self._supervisor = supervisor
        self._certificates: Certificates | None = None
        self._started: Deferred[Any] = Deferred()
        self.on_ready: Callable[[], None] | None = None
        """Called when every listener listens."""

    def startService(self) -> None:
        """Take the data directory, start the workers, and then listen."""
        if not autobahn.websocket.USES_NVX:
            _log.warn("Autobahn's native part (NVX) is not in use: large messages will be slow")
        data_dir = self._settings.server.data_dir
        self._pool.crew.lock = _locked(data_dir)
        try:
            if any(listener.tls for listener in self._settings.server.listeners.values()):
                self._certificates = self._load_certificate()
        except (OSError, ValueError) as error:
            _say(f"jmapd: {error}")
            # a file that cannot be written may be written next time, on a disk that was full
            raise SystemExit(1 if isinstance(error, OSError) else os.EX_CONFIG) from None
        super().startService()
        self._passwords.start()
        self._pool.startService()
        self._reload_on_hangup()
        self._started = self._start()
        self._started.addErrback(self._give_up)

    def _load_certificate(self) -> Certificates:
        certificates = Certificates(self._reactor, *certificate_files(self._settings), protocols(self._settings))
        certificates.load_now()
        certificates.setServiceParent(self)
        return certificates

    def _reload_on_hangup(self) -> None:
        def hangup(number: int, frame: Any) -> None:
            self._reactor.callFromThread(self._reload_next)

        # the reactor installs its own handlers when it starts, but none for this signal, which would end the server
        signal.signal(signal.SIGHUP, hangup)

    def _reload_next(self) -> None:
        """Reload, when the start and the reloads before are done."""
        self._started.addCallback(lambda _: self._reload_now() if self.running else None)

    @inlineCallbacks
    def _reload_now(self) -> Any:
        self._supervisor.reloading()
        try:
            yield self._reload.run(self._certificates)
        except Exception:
            _log.failure("the reload failed")
        self._tell_ready()

    def _tell_ready(self) -> None:
        self._supervisor.ready(f"serving {self._address.url}")

    @inlineCallbacks
    def _start(self) -> Any:
        yield self._listeners.open_observing()
        yield self._pool.ready()
        yield self._listeners.open(self._certificates)
        self._readiness.listening = True
        self._say_what_runs()
        _log.info("jmapd is ready: {url}", url=self._address.url)
        self._tell_ready()
        if self.on_ready is not None:
            self.on_ready()

    def _say_what_runs(self) -> None:
        """The one line that tells a person who reads the log what is running, and how it has been set up."""
        _log.info(
            "jmapd {version}; listeners: {listeners}; store: {store} in {data_dir}; workers: 1 writes, {readers} read; "
            "NVX: {nvx}; not at their defaults: {changed}",
            version=__version__,
            listeners=", ".join(f"{name} at {at}" for name, at in self._listeners.addresses.items()),
            store=self._settings.storage.url.partition(":")[0],
            data_dir=self._settings.server.data_dir,
            readers=len(self._pool.crew.readers),
            nvx="in use" if autobahn.websocket.USES_NVX else "not in use",
            changed=", ".join(self._settings.values.changed) or "none",
        )

    def _give_up(self, failure: Any) -> None:
        """The server could not be started: one line, and a status that says whether another attempt may help."""
        error = failure.value
        if isinstance(error, NotListening | Unopenable):
            _say(f"jmapd: {error}")
        else:
            _log.failure("jmapd could not be started", failure)
        lasting = isinstance(error, Exposed) or (isinstance(error, Unopenable) and error.lasting)
        status = os.EX_CONFIG if lasting else 1
        self._reactor.callLater(0, _exit_with, status, self._reactor)

    @inlineCallbacks
    def stopService(self) -> Any:
        """Close the doors, finish what is under way, tell every client, end the workers."""
        self._readiness.stopping = True
        self._supervisor.stopping()
        yield self._listeners.close()
        self._sockets.finish()
        self._event_sources.finish()
        yield self._within_grace(DeferredList([self._pool.idle(), self._http.finish()]))
        yield self._within_grace(self._sockets.close_all())
        yield super().stopService()
        yield self._pool.stopService()
        self._passwords.stop()
        if self._pool.crew.lock is not None:
            os.close(self._pool.crew.lock)
        yield self._listeners.close_observing()

    def _within_grace(self, done: Deferred[Any]) -> Deferred[Any]:
        both = [done, deferLater(self._reactor, GRACE, lambda: None)]
        return DeferredList(both, fireOnOneCallback=True, consumeErrors=True)


def _locked(data_dir: Path) -> int:
    try:
        return lock.take(data_dir, patience=LOCK_PATIENCE)
    except lock.Locked as error:
        _say(f"jmapd: {error}")
    except OSError as error:
        _say(f"jmapd: server.data-dir: {data_dir}: {error.strerror}")
    raise SystemExit(1)


def _say(line: str) -> None:
    """Tell whoever has started the server; twistd has made `sys.stderr` a part of its log."""
    stream = sys.__stderr__ or sys.stderr
    stream.write(f"{line}\n")
    stream.flush()


def _exit_with(status: int, reactor: Any) -> None:
    reactor.addSystemEventTrigger("after", "shutdown", os._exit, status)
    reactor.stop()
