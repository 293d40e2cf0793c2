"""What we use of Twisted, Autobahn and h2 that is not their public interface: a release that changes it fails here."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOProtocol
from twisted.web import http

CLASSES: list[tuple[type, str]] = [
    (http.HTTPChannel, "lineReceived rawDataReceived allHeadersReceived allContentReceived requestDone"),
    (http.HTTPChannel, "loseConnection lineLengthExceeded _respondToBadRequestAndDisconnect _send100Continue"),
    (http.HTTPChannel, "resetTimeout setTimeout timeoutConnection pauseProducing resumeProducing"),
    (http.Request, "gotLength handleContentChunk requestReceived connectionLost _cleanup"),
    (ProtocolWrapper, "makeConnection"),
    (BufferingTLSTransport, "dataReceived connectionLost"),
    (TLSMemoryBIOProtocol, "negotiatedProtocol getHandle"),
    (WebSocketServerProtocol, "consumeData processData sendData sendCloseFrame _closeConnection"),
    (WebSocketServerProtocol, "onMessageBegin onMessageFrameBegin onMessageFrameData onMessageFrameEnd onMessageEnd"),
    (WebSocketServerProtocol, "onPing onPong onClose _max_message_size_exceeded"),
    (WebSocketServerFactory, "setProtocolOptions"),
]


@pytest.mark.parametrize(("where", "names"), CLASSES)
def test_the_names_are_there(where: type, names: str) -> None:
    missing = [name for name in names.split() if not hasattr(where, name)]
    assert not missing, f"{where.__module__}.{where.__qualname__} has no {', '.join(missing)} any more"


def test_an_http_channel_has_what_ours_looks_at() -> None:
    channel: Any = http.HTTPChannel()
    for name in ("requests", "_dataBuffer", "_waitingForTransport", "persistent", "MAX_LENGTH", "maxHeaders"):
        assert hasattr(channel, name), name


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("write", ["writeHeaders", "write"]),
        ("finish", ["factory"]),
        ("_cleanup", ["requestDone"]),
        ("registerProducer", ["registerProducer"]),
        ("unregisterProducer", ["unregisterProducer"]),
        ("__init__", ["getPeer", "getHost", "transport"]),
    ],
)
def test_a_request_asks_of_its_channel_what_a_stream_has(method: str, asked: list[str]) -> None:
    source = inspect.getsource(getattr(http.Request, method))
    assert [name for name in asked if f"channel.{name}" not in source] == []


def test_h2_has_what_our_connection_looks_at() -> None:
    made = H2Connection(H2Configuration(client_side=False))
    assert made.state_machine.state is ConnectionState.IDLE
    assert ConnectionState.CLIENT_OPEN in ConnectionState
    assert made.decoder.max_header_list_size > 0
    assert made.encoder.header_table_size == 4096
    assert made.encoder.table_size_changes == []
    assert made.highest_inbound_stream_id == 0
    assert made.inbound_flow_control_window == 65_535
    made.initiate_connection()
    # what is changed behind its back is not what the client was told
    told = bytes(made.data_to_send())
    assert told[3] == 4


def test_autobahn_takes_an_extension_of_ours() -> None:
    source = inspect.getsource(WebSocketServerProtocol.onFrameData)
    for name in ("decompress_message_data", "message_data_total_length", "maxMessagePayloadSize"):
        assert name in source, name
    source = inspect.getsource(WebSocketServerProtocol.sendMessage)
    for name in ("start_compress_message", "compress_message_data", "end_compress_message", "doNotCompress"):
        assert name in source, name
