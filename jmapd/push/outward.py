"""Connections that others have the server make: they lead to the internet, whatever a name resolves to.

Who can have a URL be asked could otherwise reach what only the server's own network can (RFC 8620 section 8.6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import AF_INET6, AF_UNSPEC, SOCK_STREAM, getaddrinfo
from threading import Thread
from typing import Any

import attrs
from twisted.internet.address import IPv4Address as IPv4End
from twisted.internet.address import IPv6Address as IPv6End
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.internet.ssl import optionsForClientTLS
from twisted.internet.threads import deferToThreadPool
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from twisted.web.client import URI
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import directlyProvides, implementer, providedBy

Network = IPv4Network | IPv6Network

MAX_ANSWER = 16_384
"""Octets that may come for what was sent last, until the connection is closed over it."""

MAX_ADDRESSES = 8
"""Of a name that are tried."""

LOOK_UPS = 200
"""Names that are looked up at once. One user can keep some twelve waiting: a look-up may outlast the POST that wants it."""

_UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that IANA has given to anybody on the internet; old and local forms of addresses lie elsewhere."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 addresses for those who have IPv6 alone (RFC 6052 section 2.1)."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address, and the IPv4 address that an IPv6 one may stand for, is one of the internet's."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    teredo = address.teredo
    inner = address.sixtofour or (teredo[1] if teredo else None)
    return address in _UNICAST and address.is_global and (inner is None or is_public(inner))


@attrs.define
class Allowed:
    """Where connections may lead.

    :param networks: others than the internet that may be reached too.
    """

    networks: Sequence[Network] = ()

    def __contains__(self, address: str) -> bool:
        """Whether one may lead to an address."""
        # a link-local one may name its interface
        found = ip_address(address.partition("%")[0])
        return is_public(found) or any(found in one for one in self.networks)


@implementer(IAgentEndpointFactory)
class Outward:
    """Makes the endpoints of an Agent that asks what others tell it to.

    :param reactor: connects.
    :param names: looks names up.
    :param trust: who may say whose certificate is whose: a trust root, as `twisted.internet.ssl` makes them.
    """

    def __init__(self, reactor: Any, names: Names, trust: Any) -> None:
        self._reactor = _Resolving(reactor, names)
        self._trust = trust

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """An endpoint with TLS, which resolves the name when it connects.

        :raises SchemeNotSupported: where the URI is none of https.
        """
        if uri.scheme != b"https":
            raise SchemeNotSupported(uri.scheme)
        host = uri.host.decode("ascii")
        tls = optionsForClientTLS(host, trustRoot=self._trust)
        return _Brief(wrapClientTLS(tls, HostnameEndpoint(self._reactor, host, uri.port)))


class _Resolving:
    """A reactor that knows of each name only the addresses that are allowed; for a literal address, too."""

    def __init__(self, reactor: Any, names: Names) -> None:
        self._reactor = reactor
        self.nameResolver = names
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


@implementer(IHostnameResolver)
class Names:
    """Looks names up in threads of its own: whoever waits for an answer there keeps nothing else from going on.

    :param look_up: what `socket.getaddrinfo` does.
    """

    def __init__(self, reactor: Any, allowed: Allowed, look_up: Callable[..., Sequence[Any]] = getaddrinfo) -> None:
        self._reactor = reactor
        self._allowed = allowed
        self._look_up = look_up
        self._threads = ThreadPool(0, LOOK_UPS, "names")
        # the server does not wait for them when it ends
        self._threads.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]  # whatever makes one will do
        self._threads.start()

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Tell the receiver the addresses of a name that are allowed: none where it has none or cannot be looked up."""

        def known(found: Sequence[Any] | Failure) -> None:
            addresses = [] if isinstance(found, Failure) else [_end(*one) for one in found]
            for address in [one for one in addresses if one.host in self._allowed][:MAX_ADDRESSES]:
                resolutionReceiver.addressResolved(address)
            resolutionReceiver.resolutionComplete()

        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        look_up = partial(self._look_up, hostName, portNumber, AF_UNSPEC, SOCK_STREAM)
        deferToThreadPool(self._reactor, self._threads, look_up).addBoth(known)
        return resolution


def _end(family: int, kind: int, protocol: int, name: str, address: tuple[Any, ...]) -> IPv4End | IPv6End:
    return IPv6End("TCP", *address) if family == AF_INET6 else IPv4End("TCP", *address)


@implementer(IHostResolution)
@attrs.frozen
class _Resolution:
    name: str

    def cancel(self) -> None:
        """A thread cannot be."""


@implementer(IStreamClientEndpoint)
@attrs.frozen
class _Brief:
    """Connections that the other side can neither keep open by not agreeing to their end, nor fill."""

    endpoint: IStreamClientEndpoint

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        # it would log each connection, and where that leads is a client's secret
        protocolFactory.noisy = False
        connected: Deferred[Any] = self.endpoint.connect(_BriefFactory(protocolFactory))
        return connected.addCallback(lambda wrapper: wrapper.wrappedProtocol)


class _BriefProtocol(ProtocolWrapper):
    transport: Any
    _came = 0

    def write(self, data: bytes) -> None:
        self._came = 0
        super().write(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self._came = 0
        super().writeSequence(data)

    def dataReceived(self, data: bytes) -> None:
        self._came += len(data)
        if self._came > MAX_ANSWER:
            self.loseConnection()
        else:
            super().dataReceived(data)

    def loseConnection(self) -> None:
        self.transport.abortConnection()


class _BriefFactory(WrappingFactory):
    protocol = _BriefProtocol
    noisy = False
