"""Durations, sizes and endpoints as a configuration writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.config import kinds
from jmapd.config.endpoint import Reach, is_valid, reach
from jmapd.config.kinds import Unfit, read_duration, read_size

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
OCTETS = {"B": 1, "kB": 1000, "MB": 10**6, "GB": 10**9, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}

anything = st.one_of(st.text(), st.booleans(), st.none(), st.floats(), st.integers(), st.lists(st.integers()))


@given(st.integers(0, 10**9), st.sampled_from(sorted(SECONDS)))
def test_duration_is_number_times_unit(number: int, unit: str) -> None:
    assert read_duration(f"{number}{unit}") == pytest.approx(number * SECONDS[unit])


@given(st.floats(0, 10**9) | st.integers(0, 10**9))
def test_bare_number_is_seconds(number: float) -> None:
    assert read_duration(number) == number


def test_durations_of_the_documentation() -> None:
    assert [read_duration(text) for text in ("500ms", "1s", "10m", "2h", "90d", "1.5s", "7")] == [
        0.5, 1, 600, 7200, 7_776_000, 1.5, 7,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 w", "1h30m", "1S", "١s", "1e3s", "inf", "nan", "1s\n"])
def test_no_duration(text: str) -> None:
    with pytest.raises(Unfit):
        read_duration(text)


@pytest.mark.parametrize("value", [True, None, [], float("inf"), float("nan")])
def test_duration_of_another_type(value: object) -> None:
    with pytest.raises(Unfit):
        read_duration(value)


@given(st.integers(0, 10**9), st.sampled_from(sorted(OCTETS)))
def test_size_is_number_times_unit(number: int, unit: str) -> None:
    assert read_size(f"{number}{unit}") == number * OCTETS[unit]


@pytest.mark.parametrize("value", ["", "MB", "1.5MB", "1TB", "-1", -0.5, 1.0, True, None, "64kib"])
def test_no_size(value: object) -> None:
    with pytest.raises(Unfit):
        read_size(value)


@given(anything)
def test_a_kind_gives_a_value_or_unfit(value: object) -> None:
    for kind in (kinds.duration("0s", "1h"), kinds.size("0", "1GB"), kinds.count(0, 5), kinds.FLAG, kinds.PATH,
                 kinds.HOST_NAME, kinds.HTTP_URL, kinds.SQLITE_URL, kinds.ENDPOINT,
                 kinds.ORIGINS, kinds.NETWORKS, kinds.PROXIES):  # fmt: skip
        try:
            kind.read(value)
        except Unfit:
            assert kind.allowed


def test_zero_beside_a_range() -> None:
    kind = kinds.duration("1s", "1m", "never")
    assert kind.read(0) == 0
    assert kind.allowed.endswith("from 1s to 1m, or 0 for never")
    for value in ("500ms", "61s"):
        with pytest.raises(Unfit):
            kind.read(value)


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("", ""),
        ("https://mail.example.org", "https://mail.example.org"),
        ("https://mail.example.org/", "https://mail.example.org"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_url(url: str, read: str) -> None:
    assert kinds.HTTP_URL.read(url) == read


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org",
        "wss://a",
        "https://",
        "https://a/b",
        "https://a?b",
        "https://u:p@a",
        "https://a:x",
        "https://a b",
    ],
)
def test_no_url(url: str) -> None:
    with pytest.raises(Unfit):
        kinds.HTTP_URL.read(url)


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("tcp:8443:interface=127.0.0.1", Reach.LOOPBACK),
        ("tcp:8443:interface=localhost", Reach.LOOPBACK),
        ("tcp:0:127.9.9.9", Reach.LOOPBACK),
        (r"tcp:8443:interface=\:\:1", Reach.LOOPBACK),
        ("tcp6:8443", Reach.NETWORK),
        ("tcp:8443", Reach.NETWORK),
        ("tcp:port=8443:interface=192.0.2.1", Reach.NETWORK),
        ("haproxy:tcp:8443:interface=127.0.0.1", Reach.NETWORK),
        ("unix:/run/jmapd/http.sock:mode=660", Reach.UNIX),
        ("systemd:domain=UNIX:name=http", Reach.UNIX),
        ("systemd:domain=INET6:index=0", Reach.UNKNOWN),
    ],
)
def test_endpoint(text: str, who: Reach) -> None:
    assert is_valid(text)
    assert reach(text) is who


@pytest.mark.parametrize(
    "text",
    ["", "8443", "tcp", "tcp:", "tcp:https", "tcp:65536", "tcp:1:bogus=1", "nothing:1", "ssl:443", "systemd:index=0",
     "systemd:domain=INET", "systemd:domain=INET:index=0:name=a", "unix"],
)  # fmt: skip
def test_no_endpoint(text: str) -> None:
    assert not is_valid(text)


def test_origins() -> None:
    assert kinds.ORIGINS.read("*") == ("*",)
    assert kinds.ORIGINS.read([]) == ()
    assert kinds.ORIGINS.read(["HTTPS://Mail.Example:443", "capacitor://localhost"]) == (
        "https://mail.example",
        "capacitor://localhost",
    )
    wrong: tuple[object, ...] = ("https://mail.example", ["https://mail.example/x"], ["*"], ["null"], [5], {})
    for value in wrong:
        with pytest.raises(Unfit):
            kinds.ORIGINS.read(value)


def test_proxies() -> None:
    assert kinds.PROXIES.read(["10.0.0.0/8", "::1", "unix"]) == ("10.0.0.0/8", "::1/128", "unix")
    wrong: tuple[object, ...] = ("10.0.0.0/8", ["10.0.0.1/8"], ["mail.example"], [10], [""])
    for value in wrong:
        with pytest.raises(Unfit):
            kinds.PROXIES.read(value)


def test_networks() -> None:
    read = kinds.NETWORKS.read(["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"])
    assert [str(one) for one in read] == ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"]
    assert kinds.NETWORKS.read([]) == ()


@pytest.mark.parametrize("value", ["192.0.2.0/24", ["192.0.2.1/24"], ["192.0.2.0/33"], ["mail"], [1], [None], None, 5])
def test_no_networks(value: object) -> None:
    with pytest.raises(Unfit):
        kinds.NETWORKS.read(value)
