"""Web origins as browsers write them (RFC 6454 section 6)."""

from __future__ import annotations

import re

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://((?:[a-z0-9._~-]+|\[[0-9a-f:.]+\]))(?::([0-9]{1,5}))?", re.ASCII)
_USUAL_PORT = {"http": "80", "https": "443"}


def origin(text: str) -> str | None:
    """An origin in its one form: lower case, without the port that its scheme has anyway.

    :param text: scheme and authority; a scheme may be an application's own.
    :returns: ``None`` where it is no origin, which ``null`` is neither.
    """
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        return None
    scheme, host, port = match.groups()
    # an umlaut in lower case is not the same host in ASCII, and the pattern has let none pass
    return f"{scheme}://{host}" + (f":{port}" if port and port != _USUAL_PORT.get(scheme) else "")
