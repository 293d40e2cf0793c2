"""What stands between a listener and a connection's protocol: admission, and the time for a TLS handshake."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.interfaces import IAddress, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure

from jmapd.observe.metrics import Metrics
from jmapd.web.admission import Admission, Verdict
from jmapd.web.bounds import Bounds
from jmapd.web.turned_away import TurnedAway


@attrs.define(eq=False)
class Threshold:
    """What every connection passes, with TLS or without.

    :param clock: an IReactorTime.
    :param inside: makes the protocols of those that are welcome.
    """

    clock: Any
    inside: Factory
    admission: Admission
    bounds: Bounds
    metrics: Metrics

    def cross(self, address: IAddress | None) -> tuple[Any, str] | None:
        """One connection more.

        :returns: its protocol and the address that it counts for; ``None`` where it is to be closed.
        """
        verdict, whose = self.admission.enter(getattr(address, "host", ""))
        if verdict is Verdict.SHUT_OUT:
            return None
        if verdict is Verdict.TURNED_AWAY:
            return TurnedAway(self.clock, self.bounds), whose
        return self.inside.buildProtocol(address), whose


class _Plain(ProtocolWrapper):
    """A connection without TLS.

    :ivar whose: the address that it counts for.
    """

    factory: PlainDoor
    whose = ""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """One connection less."""
        self.factory.threshold.admission.leave(self.whose)
        super().connectionLost(reason)


class PlainDoor(WrappingFactory[_Plain]):
    """Makes a protocol for each connection that may come in."""

    noisy = False
    protocol = _Plain

    def __init__(self, threshold: Threshold) -> None:
        super().__init__(threshold.inside)
        self.threshold = threshold

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """One connection more, or ``None``, which closes it."""
        crossed = self.threshold.cross(addr)
        if crossed is None:
            return None
        connection = self.protocol(self, crossed[0])
        connection.whose = crossed[1]
        return connection


class _Secure(BufferingTLSTransport):
    """A connection with TLS."""

    factory: SecureDoor
    whose = ""

    def __init__(self, factory: SecureDoor, inside: Any) -> None:
        super().__init__(factory, inside)
        self._late: Any = None
        self._shaken = False

    def makeConnection(self, transport: Any) -> None:
        """The time of the handshake begins."""
        threshold = self.factory.threshold
        self._late = threshold.clock.callLater(threshold.bounds.handshake_timeout, self._too_late)
        super().makeConnection(transport)

    def dataReceived(self, bytes: bytes) -> None:
        """Something has come; until the handshake is complete, look whether it is now."""
        super().dataReceived(bytes)
        if not self._shaken:
            connection = self.getHandle()
            if connection is not None and connection.get_peer_finished() is not None:
                self._shaken = True
                self._cancel()

    def _too_late(self) -> None:
        self._late = None
        self._shaken = True
        self.factory.threshold.metrics.hit("handshake-timeout")
        self.factory.threshold.metrics.handshake_failed("timeout")
        self.abortConnection()

    def _cancel(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """One connection less."""
        self._cancel()
        if not self._shaken:
            self.factory.threshold.metrics.handshake_failed("error")
        self.factory.threshold.admission.leave(self.whose)
        super().connectionLost(reason)


class SecureDoor(TLSMemoryBIOFactory):
    """The same with TLS.

    :param certificates: gives each connection its context.
    """

    protocol = _Secure

    def __init__(self, threshold: Threshold, certificates: IOpenSSLServerConnectionCreator) -> None:
        super().__init__(certificates, False, threshold.inside, threshold.clock)
        self.threshold = threshold

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """One connection more, or ``None``, which closes it."""
        crossed = self.threshold.cross(addr)
        if crossed is None:
            return None
        connection = self.protocol(self, crossed[0])
        connection.whose = crossed[1]
        return connection
