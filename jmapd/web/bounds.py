"""What one connection may take, in time and in octets, whichever HTTP version it speaks.

The settings of ``[server.bounds]``, each by its name there.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Bounds:
    """The bounds of connections.

    :param max_connections_per_address: open at once; twice as many are closed without a word.
    :param max_sockets_per_user: WebSockets open at once.
    :param handshake_timeout: seconds for a TLS handshake.
    :param header_timeout: seconds for a request's header, from its first octet; for the first one from the handshake.
    :param body_timeout: seconds in which at least ``body_rate`` octets for each of them must come of a body.
    :param body_rate: octets a second.
    :param idle_timeout: seconds between two requests.
    :param max_header_fields: header fields of a request.
    :param max_header_size: octets of them all.
    :param max_request_line: octets of a request's first line.
    """

    max_connections_per_address: int = 1000
    max_sockets_per_user: int = 1000
    handshake_timeout: float = 10.0
    header_timeout: float = 10.0
    body_timeout: float = 60.0
    body_rate: int = 1024
    idle_timeout: float = 120.0
    max_header_fields: int = 100
    max_header_size: int = 16 * 1024
    max_request_line: int = 8 * 1024
