"""POSTs to the URLs of PushSubscriptions (RFC 8620 section 7.2, RFC 8030 section 5)."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from OpenSSL.crypto import Error
from OpenSSL.SSL import Error as SSLError
from service_identity import VerificationError
from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import Certificate, platformTrust, trustRootFromCertificates
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from jmapd.observe.metrics import Metrics
from jmapd.protocol.encryption import Keys, encrypt
from jmapd.push.outward import Allowed, Names, Network, Outward

KEPT = 60
"""Seconds for which a connection is kept for the next POST to the same push service."""

KEPT_MOST = 16
"""Connections to one push service that are."""

MAX_RETRY_AFTER = 86_400.0

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

_log = Logger()


@attrs.frozen
class Outcome:
    """What came of a POST.

    :param status: the HTTP status; 0 where there was no answer.
    :param retry_after: seconds for which the push service wants to be left alone.
    :param why: why there was none, for a person, and nothing of where it was sent.
    """

    status: int
    retry_after: float = 0.0
    why: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the message has been taken."""
        return 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether there is nobody at the URL any more, and never will be (RFC 8030 section 7.3)."""
        return self.status in (404, 410)


class Poster:
    """Makes the POSTs.

    :param reactor: connects and tells the time.
    :param timeout: seconds that one may take.
    :param allowed: where they may go.
    """

    def __init__(self, reactor: Any, timeout: float, allowed: Allowed, metrics: Metrics) -> None:
        self._timeout = timeout
        self._allowed = allowed
        self._reactor = reactor
        self._metrics = metrics
        self._connections = self._new_connections()
        self._outward: Outward | None = None

    def _new_connections(self) -> HTTPConnectionPool:
        made = HTTPConnectionPool(self._reactor)
        made.cachedConnectionTimeout = KEPT
        made.maxPersistentPerHost = KEPT_MOST
        return made

    def set(self, timeout: float, networks: Sequence[Network]) -> None:
        """Have other settings be in force.

        :param networks: those that POSTs may go to beside the internet.
        """
        self._timeout = timeout
        if networks != self._allowed.networks:
            self._allowed.networks = networks
            # a connection of before may lead where none may lead now
            self.stop()
            self._connections = self._new_connections()

    def start(self) -> None:
        """Read whom the machine trusts, and be ready to look names up."""
        self._outward = Outward(self._reactor, Names(self._reactor, self._allowed), _trusted())

    def stop(self) -> Deferred[Any]:
        """Close the connections that are kept."""
        closed: Deferred[Any] = self._connections.closeCachedConnections()
        return closed

    def post(self, url: str, keys: Mapping[str, str] | None, message: bytes, ttl: int) -> Deferred[Outcome]:
        """Send a message.

        :param keys: the client's; ``None``: it is sent as it is.
        :param message: JSON of `jmapd.protocol.encryption.MAX_MESSAGE` octets at most.
        :param ttl: seconds for which the push service is to keep it for a client that is away.
        :returns: fires with what came of it; it does not fail, unless it is cancelled.
        """
        posted: Deferred[Outcome] = self._post(url.encode(), keys, message, ttl)
        posted.addTimeout(self._timeout, self._reactor, lambda _, seconds: Outcome(0, why="no answer came in time"))
        return posted.addCallback(self._counted)

    @inlineCallbacks
    def _post(self, url: bytes, keys: Mapping[str, str] | None, message: bytes, ttl: int) -> Any:
        headers = Headers({b"Content-Type": [b"application/json"], b"TTL": [b"%d" % ttl], b"User-Agent": [b"jmapd"]})
        if keys is not None:
            message = yield self._in_thread(lambda: encrypt(Keys.of_json(keys), message))
            headers.addRawHeader(b"Content-Encoding", b"aes128gcm")
        assert self._outward is not None
        agent = Agent.usingEndpointFactory(self._reactor, self._outward, self._connections)
        try:
            response = yield agent.request(b"POST", url, headers, _Body(message))
            yield _read_to_its_end(response)
        except Exception as error:
            why = _why(error)
            _log.debug("a POST to a PushSubscription failed: {why}", why=why)
            return Outcome(0, why=why)
        return Outcome(response.code, _retry_after(response.headers))

    def _counted(self, outcome: Outcome) -> Outcome:
        self._metrics.posted("taken" if outcome.is_taken else "refused" if outcome.status else "unanswered")
        return outcome

    def _in_thread(self, work: Any) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)


def _trusted() -> Any:
    """Whom the machine trusts, as a trust root that is read once: each connection would read the file again, for 4 ms."""
    file = ssl.get_default_verify_paths().cafile
    if file is None:
        return platformTrust()
    try:
        found = _PEM.findall(Path(file).read_bytes())
        return trustRootFromCertificates([Certificate.loadPEM(one) for one in found])
    except (OSError, Error) as error:
        _log.warn("{file} cannot be read, so push services may not be trusted: {why}", file=file, why=error)
        return platformTrust()


def _why(error: Exception) -> str:
    """Why there was no answer; where it was sent is the client's secret, which an error's own text may tell."""
    causes = [reason.value for reason in error.reasons] if isinstance(error, ResponseNeverReceived) else [error]
    if any(isinstance(one, SSLError | VerificationError) for one in causes):
        return "its certificate is not trusted (SSL_CERT_FILE says whose are)"
    if isinstance(error, DNSLookupError):
        return (
            "no address is known that it may be reached at (jmap.push.allowed-networks has those beside the internet)"
        )
    if isinstance(error, ConnectError):
        return "nobody can be connected to there"
    return f"the connection ended ({', '.join(type(one).__name__ for one in causes)})"


def _retry_after(headers: Headers) -> float:
    """The seconds of Retry-After; a date there counts as nothing."""
    value = headers.getRawHeaders(b"Retry-After", [b""])[0].strip()
    return min(float(value), MAX_RETRY_AFTER) if value.isdigit() else 0.0


@implementer(IBodyProducer)
@attrs.frozen
class _Body:
    data: bytes

    @property
    def length(self) -> int:
        return len(self.data)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self.data)
        return succeed(None)

    def pauseProducing(self) -> None:
        """All has been written."""

    def resumeProducing(self) -> None:
        """All has been written."""

    def stopProducing(self) -> None:
        """All has been written."""


def _read_to_its_end(response: Any) -> Deferred[None]:
    """Let a response's body go by, so that the connection can be used again."""
    rest = _Rest()
    response.deliverBody(rest)
    return rest.done


class _Rest(Protocol):
    def __init__(self) -> None:
        self.done: Deferred[None] = Deferred(lambda _: self._close())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # whatever its end was: what the status says holds
        if not self.done.called:
            self.done.callback(None)

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
