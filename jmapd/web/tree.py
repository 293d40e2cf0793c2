"""Which resource is at which path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jmapd.auth.authenticator import Authenticator
from jmapd.observe.metrics import Metrics
from jmapd.protocol.limits import Limits
from jmapd.web.download import Downloads
from jmapd.web.handshake import Handshake
from jmapd.web.request import Resource
from jmapd.web.resources import API, NotBuilt, Page, Session
from jmapd.web.site import Tree
from jmapd.web.upload import Uploads
from jmapd.web.websocket import JMAPFactory
from jmapd.workers.pool import Pool


def make_tree(
    reactor: Any,
    pool: Pool,
    authenticator: Authenticator,
    sockets: JMAPFactory,
    limits: Limits,
    url: Callable[[], str],
    metrics: Metrics | None = None,
) -> Tree:
    """The whole tree.

    :param url: tells how clients reach the server.
    """
    handshake = Handshake(sockets)
    session = Session(pool, url)
    resources: dict[str, Resource] = {
        "/": Page(url),
        "/.well-known/jmap": session,
        "/jmap/session": session,
        "/jmap/api": API(pool, limits),
        "/jmap/upload/*": Uploads(pool, limits),
        "/jmap/download/*": Downloads(pool),
        "/jmap/eventsource": NotBuilt(),
        "/jmap/ws": handshake,
    }
    return Tree(reactor, authenticator, resources, handshake, metrics)
