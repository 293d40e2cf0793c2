"""Where the server goes because others say so (RFC 8620 section 8.6)."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.push.outward import Allowed, is_public

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
