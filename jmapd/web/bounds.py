"""What one connection may take, in time and in octets, whichever HTTP version it speaks.

The settings of ``[server.bounds]``, each by its name there.
"""

from __future__ import annotations

import attrs

MAX_FIELD_NAME = 256
"""Octets of a header field's name: Twisted keeps ten thousand of them for ever, and `max_header_size` each would be much."""


@attrs.frozen
class Bounds:
    """The bounds of connections.

    :param max_connections_per_address: open at once; twice as many are closed without a word.
    :param max_sockets_per_user: WebSockets and event streams open at once.
    :param handshake_timeout: seconds for a TLS handshake.
    :param header_timeout: seconds for a request's header, from its first octet; for the first one from the handshake.
    :param body_timeout: seconds in which at least ``body_rate`` octets for each of them must come of a body.
    :param body_rate: octets a second.
    :param idle_timeout: seconds between two requests.
    :param max_header_fields: header fields of a request.
    :param max_header_size: octets of them all.
    :param max_request_line: octets of a request's first line, or of its target in HTTP/2.
    :param max_streams: requests and WebSockets that an HTTP/2 connection may have open at once.
    :param max_resets: streams of it that may be reset in 10 s, by the client or for what it did.
    :param max_pings: PING frames from the client in 10 s.
    :param max_settings: SETTINGS frames from it in 10 s.
    :param max_bare_frames: other frames without content from it in 10 s; content that is sent either way allows more.
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
    max_streams: int = 100
    max_resets: int = 200
    max_pings: int = 100
    max_settings: int = 20
    max_bare_frames: int = 1000


@attrs.frozen
class SocketBounds:
    """The bounds of WebSockets.

    :param max_size: octets of a message, before and after it is inflated.
    :param max_frames: frames of a message, empty ones too.
    :param max_control_frames: Pings and Pongs from the client in 10 s.
    :param max_unsent: octets that may wait for a client that does not read; what was running when it stopped must fit.
    :param stall_timeout: seconds for which a client may read nothing.
    """

    max_size: int = 10_000_000
    max_frames: int = 4096
    max_control_frames: int = 100
    max_unsent: int = 64 * 1024 * 1024
    stall_timeout: float = 300.0
