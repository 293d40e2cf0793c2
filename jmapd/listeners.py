"""Every port: the doors for clients, the one for monitoring, and the control socket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks, maybeDeferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from jmapd.config import Listener, Settings, endpoint
from jmapd.config.address import telling_listener, url_at
from jmapd.observe.pages import Pages
from jmapd.web.certificates import Certificates
from jmapd.web.doors import PlainDoor, SecureDoor, Threshold
from jmapd.workers.client import SOCKET_NAME
from jmapd.workers.control import ControlFactory

_log = Logger()


class NotListening(Exception):
    """A listener cannot listen; the message says which and why."""


class Exposed(NotListening):
    """A listener may not listen where it would: only the start has shown that the network reaches it."""


class Address:
    """How clients reach the server: as configured, or by the port that was really bound."""

    def __init__(self, configured: str | None) -> None:
        self.url = configured or ""

    def __call__(self) -> str:
        """Scheme and authority."""
        return self.url


class Listeners:
    """Opens and closes them.

    :param threshold: what every client's connection passes.
    :param control: for `jmapctl`.
    :param pages: for monitoring.
    :param address: is told the port, where only that tells how clients reach the server.
    """

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        threshold: Threshold,
        control: ControlFactory,
        pages: Pages,
        address: Address,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._threshold = threshold
        self._control = control
        self._pages = pages
        self._address = address
        self._ports: list[IListeningPort] = []
        self._observing: IListeningPort | None = None
        self.addresses: dict[str, str] = {}
        """Where each listener listens, by its name."""

    @inlineCallbacks
    def open_observing(self) -> Any:
        """Open the door for monitoring, if it is wanted; it is there before the others and after them.

        :raises NotListening: where that cannot be.
        """
        observe = self._settings.observe
        if observe.endpoint:
            self._observing = yield self._listen("observe", observe.endpoint, self._pages)
            if not observe.public:
                _keep_inside(self._observing, "observe.public = false: whoever reaches it is asked for nothing")

    @inlineCallbacks
    def open(self, certificates: Certificates | None) -> Any:
        """Open the doors for clients and the control socket.

        :param certificates: for those with TLS.
        :raises NotListening: where one cannot be.
        """
        self._ports.append(self._listen_control(self._settings.server.data_dir / SOCKET_NAME))
        telling = telling_listener(self._settings)
        for name, listener in self._settings.server.listeners.items():
            door = self._door(listener, certificates)
            port = yield self._listen(f"server.listener.{name}", listener.endpoint, door)
            self._ports.append(port)
            if not listener.tls:
                _keep_inside(port, f"server.listener.{name}.tls = false: passwords would pass in the clear")
            elif not self._settings.server.tls.certificate:
                _keep_inside(port, 'server.tls.certificate = "": a self-signed certificate is for loopback only')
            if listener is telling and not self._address.url:
                self._address.url = url_at(self._settings, port.getHost().port)

    def _door(self, listener: Listener, certificates: Certificates | None) -> Any:
        if not listener.tls:
            return PlainDoor(self._threshold)
        assert certificates is not None
        return SecureDoor(self._threshold, certificates)

    @inlineCallbacks
    def _listen(self, name: str, said: str, factory: Any) -> Any:
        try:
            port = yield serverFromString(self._reactor, said).listen(factory)
        except Exception as error:
            raise NotListening(f"{name}: {said}: {error}") from None
        host = port.getHost()
        _log.info("{name} listens at {address}", name=name.rpartition(".")[2], address=host)
        at = f"{host.host}:{host.port}" if hasattr(host, "port") else f"unix:{os.fsdecode(host.name)}"
        self.addresses[name.rpartition(".")[2]] = at
        return port

    def _listen_control(self, path: Path) -> IListeningPort:
        """Listen for `jmapctl`; the lock says that a socket left behind is nobody's."""
        path.unlink(missing_ok=True)
        port: IListeningPort = self._reactor.listenUNIX(str(path), self._control, mode=0o600)
        return port

    def close(self) -> Deferred[Any]:
        """Close all but the door for monitoring."""
        ports, self._ports = self._ports, []
        return DeferredList([maybeDeferred(port.stopListening) for port in ports])

    def close_observing(self) -> Deferred[Any]:
        """Close that one too."""
        return succeed(None) if self._observing is None else maybeDeferred(self._observing.stopListening)


def _keep_inside(port: IListeningPort, why: str) -> None:
    """Refuse a listener that the network reaches, such as a socket of systemd's that is bound to all addresses.

    It has accepted nobody: the reactor has not had its turn.

    :param why: the setting that would have to be another, and what is wrong.
    :raises Exposed: with that.
    """
    at: Any = port.getHost()
    if hasattr(at, "port") and not endpoint.is_loopback(at.host):
        raise Exposed(f"{why}, and {at.host} port {at.port} is reached from the network")
