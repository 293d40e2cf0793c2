"""The messages of the ``jmap`` WebSocket subprotocol (RFC 8887 section 4.3), as values and bytes, without I/O.

What differs between the two bindings of a Request (HTTP and WebSocket) is here too: its envelope, and that of its
Response or RequestError.
"""

from __future__ import annotations

import enum
from typing import Any

import attrs
import orjson

from jmapd.protocol import ijson
from jmapd.protocol.errors import RequestError, not_json, not_request

SUBPROTOCOL = "jmap"

MAX_PUSH_MESSAGE = 65_536
"""Octets of a WebSocketPushEnable or WebSocketPushDisable message; a longer one can only be a Request."""


class Binding(enum.Enum):
    """What carries a Request and its answer."""

    HTTP = "http"
    WEBSOCKET = "websocket"


@attrs.frozen
class PushEnable:
    """A WebSocketPushEnable object (RFC 8887 section 4.3.5.2).

    :param data_types: the types whose changes are wanted; ``None`` means all.
    :param push_state: the last ``pushState`` the client had, if it says so.
    """

    data_types: frozenset[str] | None
    push_state: str | None


@attrs.frozen
class PushDisable:
    """A WebSocketPushDisable object (RFC 8887 section 4.3.5.3)."""


def push_message(text: bytes) -> PushEnable | PushDisable | None:
    """Read a text message that may be about pushes.

    :param text: the whole message.
    :returns: what it says, or ``None`` where it is not about pushes and so belongs to a worker.
    :raises RequestError: ``notRequest`` or ``notJSON`` where it is about pushes, but not as RFC 8887 says.
    """
    if len(text) > MAX_PUSH_MESSAGE or (b"WebSocketPush" not in text and b"\\u" not in text):
        return None
    try:
        kind = orjson.loads(text).get("@type")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    if kind == "WebSocketPushEnable":
        return _push_enable(_parsed(text))
    if kind == "WebSocketPushDisable":
        _parsed(text)
        return PushDisable()
    return None


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        message: dict[str, Any] = ijson.loads(text)
    except ijson.NotIJSON as error:
        raise not_json(str(error)) from None
    return message


def _push_enable(message: dict[str, Any]) -> PushEnable:
    data_types = message.get("dataTypes", False)
    if data_types is not None and not (
        isinstance(data_types, list) and all(isinstance(name, str) for name in data_types)
    ):
        raise not_request("dataTypes must be an array of strings, or null for all types.")
    push_state = message.get("pushState")
    if push_state is not None and not isinstance(push_state, str):
        raise not_request("pushState must be a string.")
    return PushEnable(None if data_types is None else frozenset(data_types), push_state)


def request_id(message: Any) -> str | None:
    """The ``id`` of a Request sent over a WebSocket.

    :raises RequestError: ``notRequest`` where it is there but no string.
    """
    id = message.get("id")
    if (id is not None and not isinstance(id, str)) or (id is None and "id" in message):
        raise not_request("id must be a string.")
    return id


def check_type(message: dict[str, Any]) -> None:
    """Refuse a WebSocket message that is no Request object.

    :raises RequestError: ``notRequest``.
    """
    if message.get("@type") != "Request":
        raise not_request("@type must be Request, WebSocketPushEnable or WebSocketPushDisable.")


def render_response(response: dict[str, Any], binding: Binding, id: str | None) -> bytes:
    """The bytes of a Response object (RFC 8620 section 3.4, RFC 8887 section 4.3.3).

    :param id: the Request's ``id`` over a WebSocket, if it had one.
    """
    if binding is Binding.WEBSOCKET:
        response = {"@type": "Response", **({} if id is None else {"requestId": id}), **response}
    return orjson.dumps(response)


def render_error(error: RequestError, binding: Binding, id: str | None = None) -> bytes:
    """The bytes of a problem details object (RFC 8620 section 3.6.1, RFC 8887 section 4.3.4).

    :param id: the Request's ``id`` over a WebSocket, as far as it could be read.
    """
    problem = error.to_json()
    if binding is Binding.WEBSOCKET:
        problem = {"@type": "RequestError", "requestId": id, **problem}
    return orjson.dumps(problem)
