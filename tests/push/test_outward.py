"""Where the server goes because others say so (RFC 8620 section 8.6)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from ipaddress import ip_address, ip_network
from queue import Queue
from socket import AF_INET, AF_INET6, SOCK_STREAM, gaierror
from threading import Event
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import IHostResolution, IResolutionReceiver
from zope.interface import implementer

from jmapd.push.outward import LOOK_UPS, MAX_ADDRESSES, Allowed, Names, is_public

PRIVATE = """
0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.16.0.1 192.0.0.1 192.168.1.1 198.18.0.1 224.0.0.1
240.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1 2002:7f00:1::
2002:a00:1::1 2001:0:4136:e378:8000:63bf:80ff:fffe 2001:db8::1 fc00::1 fd12::1 fe80::1 ff02::1 fec0::1 ff0e::1
::127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b:1::7f00:1 4000::1 5f00::1
""".split()


@pytest.mark.parametrize("address", PRIVATE)
def test_rfc8620_8_6_what_the_internet_cannot_reach_is_not_reached(address: str) -> None:
    assert not is_public(ip_address(address))
    assert address not in Allowed()


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_the_internet_is_reached(address: str) -> None:
    assert address in Allowed()


def test_a_link_local_address_with_its_interface_is_none_of_the_internets() -> None:
    assert "fe80::1%eth0" not in Allowed()
    assert "fe80::1%eth0" in Allowed([ip_network("fe80::/10")])


def test_other_networks_are_reached_where_they_are_allowed() -> None:
    allowed = Allowed([ip_network("127.0.0.0/8"), ip_network("fd00::/8")])
    assert "127.0.0.1" in allowed
    assert "fd00::1" in allowed
    assert "10.0.0.1" not in allowed
    assert "::ffff:127.0.0.1" not in allowed


@given(st.ip_addresses(v=4))
def test_an_address_within_another_is_no_way_around(inner: Any) -> None:
    number = int(inner)
    for outer in (f"::ffff:{inner}", f"64:ff9b::{inner}", f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1"):
        assert not is_public(ip_address(outer)) or is_public(inner)


class Reactor:
    """What threads want done."""

    def __init__(self) -> None:
        self._wanted: Queue[Callable[[], None]] = Queue()

    def callFromThread(self, call: Callable[..., None], *arguments: Any) -> None:
        self._wanted.put(partial(call, *arguments))

    def turn(self) -> None:
        """Do the next."""
        self._wanted.get(timeout=30)()


@implementer(IResolutionReceiver)
@attrs.define
class Answer:
    """What is told of a name.

    :ivar hosts: the addresses.
    """

    hosts: list[str] = attrs.field(factory=list)
    whole: bool = False

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        assert self.hosts == []

    def addressResolved(self, address: Any) -> None:
        self.hosts.append(address.host)

    def resolutionComplete(self) -> None:
        self.whole = True


def entry(host: str) -> Any:
    """An address as `socket.getaddrinfo` says it."""
    v6 = ":" in host
    return (AF_INET6 if v6 else AF_INET, SOCK_STREAM, 6, "", (host, 443, 0, 0) if v6 else (host, 443))


def told(*hosts: str) -> list[str]:
    """The addresses that are told of a name that has these."""
    reactor, answer = Reactor(), Answer()
    names = Names(reactor, Allowed(), lambda *_: [entry(host) for host in hosts])
    names.resolveHostName(answer, "push.example.org", 443)
    reactor.turn()
    assert answer.whole
    return answer.hosts


def test_rfc8620_8_6_of_a_name_those_addresses_alone_are_told_that_are_allowed() -> None:
    assert told("127.0.0.1", "1.1.1.1", "::1", "2606:4700::1111", "fe80::1%eth0") == ["1.1.1.1", "2606:4700::1111"]
    assert told("10.0.0.1") == []


def test_of_a_name_with_many_addresses_a_few_are_tried() -> None:
    assert len(told(*(f"1.1.1.{last}" for last in range(200)))) == MAX_ADDRESSES


@pytest.mark.parametrize("error", [gaierror(), UnicodeError()])
def test_a_name_that_cannot_be_looked_up_has_no_address(error: Exception) -> None:
    def fails(*_: Any) -> Any:
        raise error

    reactor, answer = Reactor(), Answer()
    Names(reactor, Allowed(), fails).resolveHostName(answer, "push.example.org")
    reactor.turn()
    assert answer == Answer(hosts=[], whole=True)


def test_names_that_are_slow_keep_no_others_waiting() -> None:
    end = Event()

    def look_up(host: str, *_: Any) -> Any:
        if host.startswith("slow"):
            end.wait(30)
        return [entry("1.1.1.1")]

    reactor, slow, quick = Reactor(), Answer(), Answer()
    names = Names(reactor, Allowed(), look_up)
    for number in range(LOOK_UPS - 1):
        names.resolveHostName(slow, f"slow{number}.example.org")
    names.resolveHostName(quick, "push.example.org")
    reactor.turn()
    end.set()
    assert quick.whole
    assert not slow.whole
