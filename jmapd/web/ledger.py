"""The books on WebSockets: how many each user has, what went over them, and their lines in the log.

A user's event streams are counted with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Protocol

from jmapd.auth.principal import Principal
from jmapd.observe.access import AccessLog
from jmapd.observe.metrics import Metrics
from jmapd.web.traffic import Traffic
from jmapd.workers.pool import Origin

KINDS = {"HTTP/1.1": "websocket_http1", "HTTP/2": "websocket_http2"}
"""What the metrics call them, by the version of HTTP that they came by."""


class Connection(Protocol):
    """What is known of a WebSocket.

    :ivar number: its own, in the order in which they were opened.
    :ivar opened: when it was, on the ledger's clock.
    :ivar client: the address that it came from.
    :ivar version: of HTTP.
    """

    origin: Origin
    traffic: Traffic
    number: int
    opened: float
    client: str
    version: str


class Ledger:
    """Hears of each WebSocket when it is opened and when it has ended.

    :param now: tells the time, in seconds.
    :param most: how many a user may have.
    :ivar ended: what went over those that have ended.
    """

    def __init__(
        self,
        now: Callable[[], float],
        most: int = 1000,
        metrics: Metrics | None = None,
        access: AccessLog | None = None,
    ) -> None:
        self._now = now
        self.most = most
        self.metrics = metrics or Metrics()
        self._access = access or AccessLog(False)
        self._of_user: Counter[int] = Counter()
        self._numbers = count(1)
        self.ended = Traffic()

    def has_room(self, principal: Principal) -> bool:
        """Whether a user may have one more."""
        if self._of_user[principal.user] < self.most:
            return True
        self.metrics.hit("max-sockets-per-user")
        return False

    def joined(self, principal: Principal) -> None:
        """A user has one more that is open."""
        self._of_user[principal.user] += 1

    def left(self, principal: Principal) -> None:
        """A user has one less."""
        self._of_user[principal.user] -= 1
        if not self._of_user[principal.user]:
            del self._of_user[principal.user]

    def opened(self, connection: Connection, extensions: str) -> None:
        """One more.

        :param extensions: those in use, as the handshake's answer names them.
        """
        principal = connection.origin.principal
        self.joined(principal)
        connection.number, connection.opened = next(self._numbers), self._now()
        self.metrics.opened(KINDS[connection.version])
        self._access.websocket_opened(
            name_of(connection), connection.client, principal.name, connection.version, extensions
        )

    def closed(self, connection: Connection, code: int | None, reason: str, by_us: bool) -> None:
        """One less.

        :param code: of the first Close frame, and its reason.
        :param by_us: whether that was ours.
        """
        principal, traffic = connection.origin.principal, connection.traffic
        self.left(principal)
        self.ended.add(traffic)
        self.metrics.closed(KINDS[connection.version])
        self.metrics.websocket_closed(code)
        self._access.websocket_closed(
            name_of(connection),
            connection.client,
            principal.name,
            code,
            reason,
            by_us,
            self._now() - connection.opened,
            (traffic.messages_in, traffic.messages_out),
            (traffic.bytes_in, traffic.bytes_out),
        )


def name_of(connection: Connection) -> str:
    """What the log and an operator call a WebSocket."""
    return f"w{connection.number}"
