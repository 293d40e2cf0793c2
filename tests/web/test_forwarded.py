"""Who a request came from behind proxies (RFC 7239), by whom it may be said, and what is no address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.web.http_headers import Headers

from jmapd.web.forwarded import UNIX, Proxies
from tests.web.front import Front, turn, with_front

PROXIES = Proxies(["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"])
PEER = IPv4Address("TCP", "10.0.0.1", 4711)
X, FORWARDED = "X-Forwarded-For", "Forwarded"


def client(*fields: tuple[str, str], peer: object = PEER, proxies: Proxies = PROXIES) -> str:
    headers = Headers()
    for name, value in fields:
        headers.addRawHeader(name, value)
    return proxies.client_address(peer, headers)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7, 10.1.2.3, 192.0.2.1", "198.51.100.7"),
        ("10.9.9.9, 10.1.2.3", "10.9.9.9"),
        ("198.51.100.7:4711", "198.51.100.7"),
        ("2001:DB9::17", "2001:db9::17"),
        ("[2001:db9::17]:4711", "2001:db9::17"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        # what cannot be read ends the way
        ("", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("198.51.100.7, x", "10.0.0.1"),
        ("198.51.100.7, , 10.1.2.3", "10.1.2.3"),
        ("198.51.100.300", "10.0.0.1"),
    ],
)
def test_x_forwarded_for(value: str, found: str) -> None:
    assert client((X, value)) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("for=198.51.100.7", "198.51.100.7"),
        ("For=198.51.100.7;proto=https;by=10.0.0.1", "198.51.100.7"),
        ('by=10.0.0.1;for="198.51.100.7:4711"', "198.51.100.7"),
        ('for="[2001:db9:cafe::17]:4711"', "2001:db9:cafe::17"),
        ('for="[2001:db9::17]:_port"', "2001:db9::17"),
        ('for=203.0.113.9;host="a,b;c", for=198.51.100.7, for=10.1.2.3', "198.51.100.7"),
        ('for="198.51.\\100.7"', "198.51.100.7"),
        ("for=_hidden", "10.0.0.1"),
        ("for=unknown", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
        ("198.51.100.7", "10.0.0.1"),
        ('for="198.51.100.7', "10.0.0.1"),
        ('for="', "10.0.0.1"),
    ],
)
def test_rfc7239_4_forwarded(value: str, found: str) -> None:
    assert client((FORWARDED, value)) == found


def test_only_a_trusted_proxy_is_believed() -> None:
    stranger = IPv4Address("TCP", "203.0.113.200", 1)
    assert client((X, "198.51.100.7"), peer=stranger) == "203.0.113.200"
    assert client((FORWARDED, "for=198.51.100.7"), peer=stranger) == "203.0.113.200"
    assert client((X, "198.51.100.7"), proxies=Proxies()) == "10.0.0.1"


def test_repeated_fields_are_one_list() -> None:
    assert client((X, "203.0.113.9"), (X, "198.51.100.7"), (X, "10.1.1.1")) == "198.51.100.7"
    assert client((FORWARDED, "for=203.0.113.9"), (FORWARDED, "for=198.51.100.7")) == "198.51.100.7"


def test_a_forwarded_field_that_a_client_made_up_is_not_believed() -> None:
    assert client((FORWARDED, "for=203.0.113.9"), (X, "198.51.100.7")) == "198.51.100.7"


def test_a_field_is_bounded() -> None:
    assert client((X, "198.51.100.7, " + "10.1.1.1, " * 19 + "10.2.2.2")) == "10.1.1.1"
    assert client((X, "198.51.100.7, " + "10.1.1.1, " * 18 + "10.2.2.2")) == "198.51.100.7"
    assert client((X, " " * 4085 + "198.51.100.7")) == "10.0.0.1"


def test_peers_of_other_kinds() -> None:
    unix = UNIXAddress(None)
    assert client((X, "198.51.100.7"), peer=unix) == UNIX
    assert client((X, "198.51.100.7"), peer=unix, proxies=Proxies([UNIX])) == "198.51.100.7"
    assert client(peer=unix, proxies=Proxies([UNIX])) == UNIX
    assert client((X, "198.51.100.7"), peer=IPv6Address("TCP", "::ffff:10.0.0.1", 1)) == "198.51.100.7"
    assert client(peer=IPv6Address("TCP", "fe80::1%eth0", 1)) == "fe80::1"


def test_who_is_trusted() -> None:
    assert [PROXIES.is_trusted(one) for one in ("10.255.0.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", UNIX, "x")] == [
        True, True, False, True, False, False,
    ]  # fmt: skip
    assert Proxies([UNIX]).is_trusted(UNIX)


@given(st.text(st.characters(codec="latin-1"), max_size=5000), st.sampled_from([X, FORWARDED]))
def test_whatever_the_field_says_there_is_an_address(value: str, name: str) -> None:
    assert client((name, value.replace("\n", " ").replace("\r", " "))).count(".") in (0, 3)


@given(st.lists(st.ip_addresses(), max_size=25), st.ip_addresses())
def test_the_address_that_the_nearest_trusted_proxy_saw(made_up: list[object], real: object) -> None:
    chain = ", ".join(str(one) for one in (*made_up, real, "10.1.1.1"))
    found = client((X, chain))
    if not PROXIES.is_trusted(str(real)):
        assert found == client((X, str(real)))


@with_front(trusted_proxies=["127.0.0.1"])
async def test_a_request_tells_its_client(front: Front) -> None:
    for line, found in (((b"X-Forwarded-For: 198.51.100.7",), "198.51.100.7"), ((), "127.0.0.1")):
        peer = await front.connect()
        peer.send(b"\r\n".join((b"GET / HTTP/1.1", b"Host: x", b"Content-Length: 1", *line, b"", b"")))
        while not (channels := list(front.http.channels)) or not channels[-1].requests:
            await turn()
        # its body is still to come, else it would be answered and gone
        assert channels[-1].requests[0].client_address == found
        peer.send(b"x")
        assert (await peer.response()).status == 200
        peer.transport.abortConnection()  # type: ignore[union-attr]  # it is connected
        await turn(0.05)
