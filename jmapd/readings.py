"""What the metrics read whenever somebody asks for them: what is there at that moment."""

from __future__ import annotations

from collections import Counter

from jmapd.observe.metrics import Metrics, Rows
from jmapd.web.channel import HTTPFactory
from jmapd.web.ledger import KINDS
from jmapd.web.traffic import Traffic, total
from jmapd.web.websocket import JMAPFactory
from jmapd.workers.pool import Pool


def read_all(metrics: Metrics, pool: Pool, http: HTTPFactory, sockets: JMAPFactory) -> None:
    """Let the metrics read the connections and the pool."""

    def connections() -> Rows:
        count = Counter(one.kind for one in http.channels)
        count.update(KINDS[one.version] for one in sockets.connections)
        return [((kind,), count[kind]) for kind in ("http1", "http2", *KINDS.values())]

    def traffic() -> Traffic:
        return total(sockets.ledger.ended, (one.traffic for one in sockets.connections))

    def messages() -> Rows:
        now = traffic()
        return [(("in",), now.messages_in), (("out",), now.messages_out)]

    def octets() -> Rows:
        now = traffic()
        return [(("in",), now.bytes_in), (("out",), now.bytes_out)]

    metrics.watch("jmapd_connections", "Connections open now.", ("kind",), connections)
    metrics.watch("jmapd_websocket_messages_total", "Messages over WebSockets.", ("direction",), messages)
    metrics.watch("jmapd_websocket_bytes_total", "Octets of their frames.", ("direction",), octets)
    _read_pool(metrics, pool)


def _read_pool(metrics: Metrics, pool: Pool) -> None:
    def waiting() -> Rows:
        return [((what,), number) for what, number in pool.waiting.items()]

    def running() -> Rows:
        writer = pool.crew.writer
        readers = sum(len(one.jobs) for one in pool.crew.readers)
        return [(("reader",), readers), (("writer",), len(writer.jobs) if writer else 0)]

    def workers() -> Rows:
        readers = sum(one.ready for one in pool.crew.readers)
        return [(("reader",), readers), (("writer",), pool.crew.ready_writer() is not None)]

    metrics.watch("jmapd_jobs_waiting", "Jobs that wait, for what.", ("for",), waiting)
    metrics.watch("jmapd_jobs_running", "Jobs given to workers.", ("role",), running)
    metrics.watch("jmapd_workers_ready", "Workers that can be asked.", ("role",), workers)
