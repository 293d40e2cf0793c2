"""Who a request came from, where proxies stand between (RFC 7239).

What a proxy adds to a request is believed only of a proxy that the configuration trusts. Each adds the address that it
was asked from at the right end, so the list is read from there, until the first address that is no trusted proxy's:
what stands further left may be anybody's invention.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Any

from twisted.web.http_headers import Headers

UNIX = "unix"
"""The address of whoever comes by a unix socket, and the name for all of them among the trusted."""

MAX_OCTETS = 4096
MAX_HOPS = 20
"""What is longer is not read."""

_ELEMENT = re.compile(r'((?:[^",]|"(?:[^"\\]|\\.)*+")*+)(?:,|\Z)')
_PAIR = re.compile(r'\s*([!#$%&\'*+\-.^_`|~0-9A-Za-z]+)=("(?:[^"\\]|\\.)*+"|[^";\s]*)\s*(?:;|\Z)')
_NODE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[0-9A-Za-z._-]+))?", re.ASCII)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxies:
    """The proxies that are believed.

    :param trusted: networks such as ``10.0.0.0/8``, single addresses, and `UNIX`.
    :ivar networks: where they are.
    """

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self.trust(trusted)

    def trust(self, trusted: Sequence[str]) -> None:
        """Believe these from now on, in place of those before."""
        self.networks = tuple(ipaddress.ip_network(one) for one in trusted if one != UNIX)
        self._unix = UNIX in trusted

    def is_trusted(self, address: str) -> bool:
        """Whether an address, as `client_address` gives them, is a trusted proxy's."""
        if address == UNIX:
            return self._unix
        found = _parsed(address)
        return found is not None and any(found in network for network in self.networks)

    def client_address(self, peer: Any, headers: Headers) -> str:
        """The address that a request came from.

        :param peer: of the connection (`IAddress`).
        :param headers: the request's.
        :returns: an IP address as text, or `UNIX`; where the proxies' field cannot be read, the nearest that could be.
        """
        address = _text(peer)
        if not self.is_trusted(address):
            return address
        for said in _hops(headers):
            if said is None:
                break
            address = said
            if not self.is_trusted(address):
                break
        return address


def _hops(headers: Headers) -> Iterator[str | None]:
    """The addresses that proxies have added, the nearest first; ``None`` for what is none.

    X-Forwarded-For goes first: nearly all proxies write that one, and pass on a Forwarded that their client has made up.
    """
    for name, read in ((b"X-Forwarded-For", _listed), (b"Forwarded", _forwarded)):
        values = headers.getRawHeaders(name)
        if values:
            text = b",".join(values).decode("latin-1")
            found = read(text) if len(text) <= MAX_OCTETS else []
            yield from (_node(one) for one in found[: -MAX_HOPS - 1 : -1])
            return


def _listed(text: str) -> list[str]:
    return text.split(",")


def _forwarded(text: str) -> list[str]:
    """The ``for`` of each element of a Forwarded field, "" where it has none; nothing where it is no such field."""
    found = []
    at = 0
    while at < len(text):
        element = _ELEMENT.match(text, at)
        if element is None:
            return []
        found.append(_for(element[1]))
        at = element.end()
    return found


def _for(element: str) -> str:
    at, found = 0, ""
    while at < len(element):
        pair = _PAIR.match(element, at)
        if pair is None:
            return ""
        if pair[1].lower() == "for":
            found = re.sub(r"\\(.)", r"\1", pair[2][1:-1]) if pair[2].startswith('"') else pair[2]
        at = pair.end()
    return found


def _node(text: str) -> str | None:
    """The address of a node, which may have a port behind it."""
    text = text.strip()
    match = _NODE.fullmatch(text)
    found = _parsed((match[1] or match[2]) if match else text)
    return None if found is None else str(found)


def _text(peer: Any) -> str:
    """The address of a connection's peer."""
    host = getattr(peer, "host", None)
    if host is None:
        return UNIX
    found = _parsed(host)
    return host if found is None else str(found)


def _parsed(text: str) -> Address | None:
    try:
        # where on this machine a link-local address is reached says nothing of who it is
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
