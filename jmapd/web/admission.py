"""How many connections there may be from one address."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable

from jmapd.observe.metrics import Metrics

HARD = 2
"""So many times the bound are closed at once: what is told why is a connection too."""

_PREFIX = 64
"""Of an IPv6 address: what one subscriber has at least."""


class Verdict(enum.Enum):
    """What becomes of a connection."""

    WELCOME = enum.auto()
    TURNED_AWAY = enum.auto()
    SHUT_OUT = enum.auto()


class Admission:
    """Counts the connections that are open, by address.

    :param most: from one address.
    :param is_trusted: whether an address is a proxy's, behind which there are many clients; it is not counted.
    """

    def __init__(self, most: int, metrics: Metrics, is_trusted: Callable[[str], bool] = lambda address: False) -> None:
        self.most = most
        self._metrics = metrics
        self._is_trusted = is_trusted
        self._open: dict[str, int] = {}

    def enter(self, host: str) -> tuple[Verdict, str]:
        """One connection more, unless it is shut out.

        :param host: the peer's address; "" for a UNIX socket.
        :returns: also what `leave` is to be called with when it ends.
        """
        whose = "" if not host or self._is_trusted(host) else whose_address(host)
        if not whose:
            return Verdict.WELCOME, ""
        count = self._open.get(whose, 0)
        if count >= self.most:
            self._metrics.hit("max-connections-per-address")
            if count >= HARD * self.most:
                return Verdict.SHUT_OUT, ""
        self._open[whose] = count + 1
        return Verdict.WELCOME if count < self.most else Verdict.TURNED_AWAY, whose

    def leave(self, whose: str) -> None:
        """One connection less."""
        if not whose:
            return
        if self._open[whose] == 1:
            del self._open[whose]
        else:
            self._open[whose] -= 1


def whose_address(host: str) -> str:
    """What counts as one address: an IPv4 address, or the network of an IPv6 one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), _PREFIX), strict=False))
