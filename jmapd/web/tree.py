"""Which resource is at which path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jmapd.auth.authenticator import Authenticator
from jmapd.auth.tickets import Tickets
from jmapd.web.download import Downloads
from jmapd.web.event_source import EventSources
from jmapd.web.forwarded import Proxies
from jmapd.web.handshake import Handshake
from jmapd.web.origins import Origins
from jmapd.web.request import Resource
from jmapd.web.resources import API, Page, Session
from jmapd.web.site import Tree
from jmapd.web.tickets import NewTickets, OneTicket
from jmapd.web.upload import Uploads
from jmapd.web.websocket import JMAPFactory
from jmapd.workers.pool import Pool


def make_tree(
    reactor: Any,
    pool: Pool,
    authenticator: Authenticator,
    sockets: JMAPFactory,
    event_sources: EventSources,
    url: Callable[[], str],
    *,
    tickets: Tickets,
    credentials_in_url: bool = False,
    allowed_origins: Sequence[str] = (),
    proxies: Proxies | None = None,
) -> Tree:
    """The whole tree.

    :param url: tells how clients reach the server.
    :param tickets: those that the authenticator takes.
    :param credentials_in_url: whether a socket's URL may hold a password or a token.
    :param allowed_origins: of pages, beside the server's own (`Origins`).
    :param proxies: those that are believed; none, if not given.
    """
    handshake = Handshake(sockets)
    session = Session(pool, url)
    resources: dict[str, Resource] = {
        "/": Page(url),
        "/.well-known/jmap": session,
        "/jmap/session": session,
        "/jmap/api": API(pool),
        "/jmap/upload/*": Uploads(pool),
        "/jmap/download/*": Downloads(pool),
        "/jmap/eventsource": event_sources,
        "/jmap/ws": handshake,
        "/jmap/ws/ticket": NewTickets(tickets),
        "/jmap/ws/ticket/*": OneTicket(tickets),
    }
    origins = Origins(allowed_origins, url)
    return Tree(
        reactor,
        authenticator,
        resources,
        handshake,
        origins,
        proxies or Proxies(),
        credentials_in_url=credentials_in_url,
    )
