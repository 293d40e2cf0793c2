"""The metrics, as a scraper reads them."""

from __future__ import annotations

from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from jmapd import __version__
from jmapd.observe.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample of an exposition, by name and labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def test_what_is_counted_is_told() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.hit("max-header-size")
    metrics.request("websocket", "ok", 0.003)
    metrics.http_request("HTTP/1.1", 200)
    metrics.http_request("HTTP/1.1", 0)
    metrics.worker_replaced("reader", "memory")
    metrics.signed_in("failed")
    metrics.handshake_failed("timeout")
    metrics.opened("http1")
    metrics.closed("http1")
    metrics.push_sent()
    metrics.push_gathered()
    metrics.batch(3)
    assert value(metrics, "jmapd_bounds_hit_total", bound="max-header-size") == 2
    assert value(metrics, "jmapd_requests_total", binding="websocket", outcome="ok") == 1
    assert value(metrics, "jmapd_request_seconds_bucket", binding="websocket", le="0.005") == 1
    assert value(metrics, "jmapd_request_seconds_bucket", binding="websocket", le="0.0025") == 0
    assert value(metrics, "jmapd_http_requests_total", version="HTTP/1.1", status="200") == 1
    assert value(metrics, "jmapd_http_requests_total", version="HTTP/1.1", status="none") == 1
    assert value(metrics, "jmapd_workers_replaced_total", role="reader", reason="memory") == 1
    assert value(metrics, "jmapd_authentications_total", outcome="failed") == 1
    assert value(metrics, "jmapd_tls_handshakes_failed_total", reason="timeout") == 1
    assert value(metrics, "jmapd_connections_opened_total", kind="http1") == 1
    assert value(metrics, "jmapd_connections_closed_total", kind="http1") == 1
    assert value(metrics, "jmapd_pushes_total", what="sent") == 1
    assert value(metrics, "jmapd_pushes_total", what="gathered") == 1
    assert value(metrics, "jmapd_writer_batch_size_sum") == 3


def test_a_client_cannot_make_labels() -> None:
    metrics = Metrics()
    for code in (1000, 1001, None, 1005, 3000, 4999, 4000):
        metrics.websocket_closed(code)
    found = {
        labels: number for (name, labels), number in samples(metrics).items() if name == "jmapd_websockets_closed_total"
    }
    assert {dict(labels)["code"]: number for labels, number in found.items()} == {
        "1000": 1,
        "1001": 1,
        "1006": 1,
        "other": 4,
    }


def test_what_is_watched_is_read_when_it_is_asked_for() -> None:
    metrics = Metrics()
    numbers = {"a": 1}
    metrics.watch("jmapd_things", "Things.", ("kind",), lambda: [((kind,), one) for kind, one in numbers.items()])
    metrics.watch("jmapd_all_total", "All of them.", (), lambda: [((), sum(numbers.values()))])
    assert value(metrics, "jmapd_things", kind="a") == 1
    numbers["b"] = 5
    assert value(metrics, "jmapd_things", kind="b") == 5
    assert value(metrics, "jmapd_all_total") == 6


def test_each_server_has_a_registry_of_its_own() -> None:
    one, other = Metrics(), Metrics()
    one.hit("max-header-size")
    assert value(other, "jmapd_bounds_hit_total", bound="max-header-size") is None
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("jmapd")]


def test_the_process_and_the_build_are_told() -> None:
    found = samples(Metrics())
    assert ("process_resident_memory_bytes", frozenset()) in found
    (build,) = [dict(labels) for name, labels in found if name == "jmapd_build_info"]
    assert build["version"] == __version__
