"""How clients reach the server, as far as the configuration tells it."""

from __future__ import annotations

from jmapd.config import endpoint
from jmapd.config.settings import Listener, Settings


def telling_listener(settings: Settings) -> Listener:
    """The listener that the server's URL is made of: the first with TLS, else the first."""
    listeners = list(settings.server.listeners.values())
    return next((one for one in listeners if one.tls), listeners[0])


def public_url(settings: Settings) -> str | None:
    """Scheme and authority; ``None`` where only the running server knows the port."""
    if settings.server.url:
        return settings.server.url
    listener = telling_listener(settings)
    port = endpoint.port(listener.endpoint)
    return url_at(settings, port) if port else None


def url_at(settings: Settings, port: int) -> str:
    """Scheme and authority, where the listener that tells it has this port."""
    if settings.server.url:
        return settings.server.url
    scheme, usual = ("https", 443) if telling_listener(settings).tls else ("http", 80)
    return f"{scheme}://{settings.server.hostname}" + (f":{port}" if port != usual else "")
