"""Twisted's server endpoint strings: whether one is valid, and who can reach it."""

from __future__ import annotations

import enum
import ipaddress
import re

from twisted.internet.endpoints import serverFromString

_UNESCAPED_COLON = re.compile(r"(?<!\\)((?:\\\\)*):")
_UNESCAPED_EQUALS = re.compile(r"(?<!\\)((?:\\\\)*)=")


class Reach(enum.Enum):
    """Who can reach a listener."""

    LOOPBACK = "loopback"
    UNIX = "a unix socket"
    NETWORK = "the network"
    UNKNOWN = "not known before the start"


def is_valid(text: str) -> bool:
    """Whether Twisted can make a server endpoint of this string."""
    kind, positional, named = _split(text)
    if kind == "systemd":
        # Twisted looks the socket up at once, and only systemd's own start has it
        return not positional and (named.get("index", "").isdigit() != bool(named.get("name"))) and "domain" in named
    if kind == "ssl":
        # the listener's own setting says whether there is TLS, and there is one certificate for all
        return False
    if kind in ("tcp", "tcp6") and not _is_port(positional[0] if positional else named.get("port", "")):
        return False
    try:
        # the reactor is only kept, for the moment of listening
        serverFromString(None, text)
    except Exception:  # whatever a plugin's parser raises means the same here
        return False
    return True


def reach(text: str) -> Reach:
    """Who can reach the listener of a valid string."""
    kind, positional, named = _split(text)
    if kind == "systemd":
        return Reach.UNIX if named["domain"].upper() == "UNIX" else Reach.UNKNOWN
    if kind == "unix":
        return Reach.UNIX
    if kind not in ("tcp", "tcp6"):
        return Reach.NETWORK
    interface = named.get("interface") or (positional[1] if len(positional) > 1 else "")
    return Reach.LOOPBACK if is_loopback(interface) else Reach.NETWORK


def port(text: str) -> int | None:
    """The port of a valid string; 0 where the system is to choose one, ``None`` where there is none."""
    kind, positional, named = _split(text)
    return int(positional[0] if positional else named["port"]) if kind in ("tcp", "tcp6") else None


def _split(text: str) -> tuple[str, list[str], dict[str, str]]:
    pieces = _UNESCAPED_COLON.sub("\\1\x00", text).split("\x00")
    positional, named = [], {}
    for piece in pieces[1:]:
        name, equals, value = _UNESCAPED_EQUALS.sub("\\1\x00", piece, count=1).partition("\x00")
        if equals:
            named[_plain(name)] = _plain(value)
        else:
            positional.append(_plain(name))
    return pieces[0], positional, named


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _is_port(text: str) -> bool:
    return text.isdigit() and text.isascii() and int(text) <= 65535


def is_loopback(interface: str) -> bool:
    """Whether only this machine reaches an address."""
    if interface == "localhost":
        return True
    try:
        return ipaddress.ip_address(interface).is_loopback
    except ValueError:
        return False
