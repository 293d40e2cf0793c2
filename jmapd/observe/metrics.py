"""The numbers that a server tells of itself, in a registry of its own.

What happens is counted here, by children that are looked up once and kept; what is (open connections, waiting jobs)
is read when somebody asks, by the sources of `watch`.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from twisted.copyright import version as twisted_version

from jmapd import __version__

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64)

_CLOSE_CODES = frozenset({*range(1000, 1004), *range(1007, 1015)})
"""Those that RFC 6455 and its registry name; a client may send any other, and is counted with all who do."""

_ABNORMAL = 1006

Rows = Iterable[tuple[tuple[str, ...], float]]
"""For each combination of labels a number."""


class Metrics:
    """Everything that is counted.

    Each method is cheap enough for every message: about a third of a microsecond, a microsecond for `request`.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build = {"version": __version__, "python": platform.python_version(), "twisted": twisted_version}
        Info("jmapd_build", "What is running.", registry=registry).info(build)
        self._bounds = Counter("jmapd_bounds_hit", "Times that a bound was met.", ["bound"], registry=registry)
        self._requests = Counter("jmapd_requests", "JMAP Requests.", ["binding", "outcome"], registry=registry)
        self._durations = Histogram(
            "jmapd_request_seconds",
            "From a JMAP Request's arrival to its answer.",
            ["binding"],
            buckets=SECONDS,
            registry=registry,
        )
        self._http = Counter("jmapd_http_requests", "HTTP requests.", ["version", "status"], registry=registry)
        self._opened = Counter("jmapd_connections_opened", "Connections taken.", ["kind"], registry=registry)
        self._ended = Counter("jmapd_connections_closed", "Connections that have ended.", ["kind"], registry=registry)
        self._codes = Counter("jmapd_websockets_closed", "WebSockets, by close code.", ["code"], registry=registry)
        self._workers = Counter(
            "jmapd_workers_replaced", "Workers that have ended by themselves.", ["role", "reason"], registry=registry
        )
        self._batches = Histogram(
            "jmapd_writer_batch_size", "Requests and operations in a commit.", buckets=SIZES, registry=registry
        )
        self._sign_ins = Counter("jmapd_authentications", "Attempts to sign in.", ["outcome"], registry=registry)
        self._handshakes = Counter(
            "jmapd_tls_handshakes_failed", "TLS handshakes that came to nothing.", ["reason"], registry=registry
        )
        pushes = Counter(
            "jmapd_pushes", "StateChanges: sent, or gathered into a later one.", ["what"], registry=registry
        )
        # these are called for each message: a child costs less than its look-up
        self.push_sent: Callable[[], None] = pushes.labels("sent").inc
        self.push_gathered: Callable[[], None] = pushes.labels("gathered").inc
        self._posts = Counter(
            "jmapd_push_posts", "POSTs to the URLs of PushSubscriptions.", ["outcome"], registry=registry
        )
        self.batch: Callable[[float], None] = self._batches.observe
        self._bound = cache(self._bounds.labels)
        self._request = cache(self._requests.labels)
        self._duration = cache(self._durations.labels)
        self._response = cache(self._http.labels)

    def hit(self, bound: str) -> None:
        """A bound was met.

        :param bound: its name in the configuration, with as much of its table as tells it from others.
        """
        self._bound(bound).inc()

    def request(self, binding: str, outcome: str, seconds: float) -> None:
        """A JMAP Request was answered, or dropped."""
        self._request(binding, outcome).inc()
        self._duration(binding).observe(seconds)

    def http_request(self, version: str, status: int) -> None:
        """An HTTP request was answered.

        :param version: one that the server itself speaks, such as ``HTTP/1.1``.
        :param status: 0 where the client went before.
        """
        self._response(version, str(status) if status else "none").inc()

    def opened(self, kind: str) -> None:
        """A connection was taken."""
        self._opened.labels(kind).inc()

    def closed(self, kind: str) -> None:
        """A connection has ended, or has become one of another kind."""
        self._ended.labels(kind).inc()

    def websocket_closed(self, code: int | None) -> None:
        """A WebSocket has ended, by a Close frame with this code or without one."""
        known = _ABNORMAL if code is None else code
        self._codes.labels(str(known) if known in _CLOSE_CODES or known == _ABNORMAL else "other").inc()

    def worker_replaced(self, role: str, reason: str) -> None:
        """A worker has ended: ``crash``, ``deadline`` or ``memory``."""
        self._workers.labels(role, reason).inc()

    def posted(self, outcome: str) -> None:
        """A POST to a PushSubscription was ``taken``, ``refused`` or ``unanswered``."""
        self._posts.labels(outcome).inc()

    def signed_in(self, outcome: str) -> None:
        """Somebody has tried to sign in: ``failed``, ``slowed``, ``refused`` or ``busy``."""
        self._sign_ins.labels(outcome).inc()

    def handshake_failed(self, reason: str) -> None:
        """A TLS handshake came to nothing: ``timeout`` or ``error``."""
        self._handshakes.labels(reason).inc()

    def watch(self, name: str, documentation: str, labels: tuple[str, ...], read: Callable[[], Rows]) -> None:
        """Have something read whenever the metrics are asked for.

        :param name: one that ends in ``_total`` is of something that only grows.
        :param read: gives the numbers of the moment.
        """
        self.registry.register(_Watched(name, documentation, labels, read))

    def exposition(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self.registry)


class _Watched(Collector):
    def __init__(self, name: str, documentation: str, labels: tuple[str, ...], read: Callable[[], Rows]) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        for labels, value in self._read():
            family.add_metric(labels, value)
        return [family]

    def _family(self) -> CounterMetricFamily | GaugeMetricFamily:
        kind = CounterMetricFamily if self._name.endswith("_total") else GaugeMetricFamily
        return kind(self._name, self._documentation, labels=self._labels)
