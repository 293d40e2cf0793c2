"""The kinds of values a setting may have: each reads what TOML gives, or says what is allowed."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import attrs

from jmapd.config import endpoint
from jmapd.protocol.origin import origin

T = TypeVar("T")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DURATION = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?(ms|s|m|h|d)?\Z", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}
_SIZE = re.compile(r"(\d{1,18}) ?(B|[kK]B|MB|GB|KiB|MiB|GiB)?\Z", re.ASCII)
_OCTETS = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    None: 1,
}
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z", re.I
)


class Unfit(Exception):
    """The value is not of this kind.

    :param args: what of it is not, where it is a list.
    """


@attrs.frozen
class Kind(Generic[T]):
    """What values a setting may have.

    :param allowed: the end of a sentence that begins with "must be".
    :param read: gives the checked value for one as TOML has it; raises `Unfit`.
    """

    allowed: str
    read: Callable[[Any], T]


def count(least: int, most: int, zero: str = "") -> Kind[int]:
    """Whole numbers of a range.

    :param zero: what 0 stands for, if it is allowed beside the range.
    """
    special = f", or 0 for {zero}" if zero else ""
    return Kind(
        f"a whole number from {least} to {most}{special}", lambda value: _within(_whole(value), least, most, zero)
    )


def size(least: str, most: str, zero: str = "") -> Kind[int]:
    """Octets: a whole number, or a text such as ``"10MB"`` or ``"64KiB"``."""
    low, high = read_size(least), read_size(most)
    special = f", or 0 for {zero}" if zero else ""
    allowed = f'octets, as a whole number or a text such as "10MB" or "64KiB", from {least} to {most}{special}'
    return Kind(allowed, lambda value: _within(read_size(value), low, high, zero))


def duration(least: str, most: str, zero: str = "") -> Kind[float]:
    """Seconds: a number, or a text such as ``"500ms"``, ``"1s"``, ``"10m"``, ``"2h"`` or ``"90d"``."""
    low, high = read_duration(least), read_duration(most)
    special = f", or 0 for {zero}" if zero else ""
    allowed = (
        f'a time such as "500ms", "1s", "10m", "2h", "90d" or a number of seconds, from {least} to {most}{special}'
    )
    return Kind(allowed, lambda value: _within(read_duration(value), low, high, zero))


def read_duration(value: Any) -> float:
    """The seconds of a duration.

    :raises Unfit: where it is none.
    """
    if isinstance(value, str) and (match := _DURATION.match(value)):
        return float(match[1]) * _SECONDS[match[2]]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Unfit
    return float(value)


def read_size(value: Any) -> int:
    """The octets of a size.

    :raises Unfit: where it is none.
    """
    if isinstance(value, str) and (match := _SIZE.match(value)):
        return int(match[1]) * _OCTETS[match[2]]
    return _whole(value)


Number = TypeVar("Number", int, float)


def _within(value: Number, least: Number, most: Number, zero: str) -> Number:
    if not least <= value <= most and not (zero and value == 0):
        raise Unfit
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unfit
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise Unfit
    return value


def _path(value: Any) -> str:
    return str(PurePath(_text(value))) if value else _text(value)


def _host_name(value: Any) -> str:
    if not _HOST_NAME.match(_text(value)):
        raise Unfit
    return _text(value).lower()


def _http_url(value: Any) -> str:
    if _text(value) == "":
        return ""
    try:
        parts = urlsplit(value)
        fit = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:
        raise Unfit from None
    if not fit or parts.path.strip("/") or parts.query or parts.fragment or not value.isprintable() or " " in value:
        raise Unfit
    return f"{parts.scheme}://{parts.netloc}"


def _sqlite_url(value: Any) -> str:
    if _text(value) and not re.match(r"sqlite(\+pysqlite)?:///(?!:memory:)[^?]+\Z", value):
        raise Unfit
    return _text(value)


def _one_of(*words: str) -> Kind[str]:
    """One of a few words."""

    def read(value: Any) -> str:
        if value not in words:
            raise Unfit
        return str(value)

    quoted = [f'"{word}"' for word in words]
    return Kind(f"{', '.join(quoted[:-1])} or {quoted[-1]}", read)


def _endpoint(value: Any) -> str:
    if not endpoint.is_valid(_text(value)):
        raise Unfit
    return _text(value)


def _listed(value: Any, read: Callable[[Any], T]) -> tuple[T, ...]:
    """All items of a list read, or all that are wrong named."""
    if not isinstance(value, list):
        raise Unfit
    good, wrong = [], []
    for item in value:
        try:
            good.append(read(item))
        except Unfit:
            wrong.append(item)
    if wrong:
        raise Unfit(*wrong)
    return tuple(good)


def _origin(value: Any) -> str:
    if (found := origin(_text(value))) is None:
        raise Unfit
    return found


def _network(value: Any) -> Network:
    try:
        return ipaddress.ip_network(_text(value))
    except ValueError:
        raise Unfit from None


def _proxy(value: Any) -> str:
    return "unix" if value == "unix" else str(_network(value))


FLAG = Kind("true or false", _flag)
PATH = Kind("the path of a file or folder, as a text", _path)
HOST_NAME = Kind('a host name such as "mail.example.org"', _host_name)
HTTP_URL = Kind('an http: or https: URL with nothing after the host, such as "https://mail.example.org"', _http_url)
SQLITE_URL = Kind(
    'a SQLAlchemy URL such as "sqlite:////var/lib/jmapd/jmapd.sqlite" (only SQLite is supported for now)', _sqlite_url
)
NETWORKS = Kind('a list of networks such as ["192.0.2.0/24", "2001:db8::/32"]', lambda value: _listed(value, _network))
ENDPOINT = Kind(
    'a Twisted server endpoint such as "tcp:8443:interface=127.0.0.1" or "unix:/run/jmapd.sock" (not "ssl:": tls says that)',
    _endpoint,
)
OPTIONAL_ENDPOINT = Kind(f'{ENDPOINT.allowed}, or "" for none', lambda value: "" if value == "" else _endpoint(value))
LOG_LEVEL = _one_of("debug", "info", "warn", "error", "critical")
LOG_FORMAT = _one_of("text", "json")
ORIGINS = Kind(
    'a list of origins such as ["https://webmail.example.org"], or "*" for all',
    lambda value: ("*",) if value == "*" else _listed(value, _origin),
)
PROXIES = Kind(
    'a list of networks and addresses such as ["10.0.0.0/8", "::1"], with "unix" for all that comes by unix sockets',
    lambda value: _listed(value, _proxy),
)
