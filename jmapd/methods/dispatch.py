"""A Request, from its bytes to those of its Response (RFC 8620 section 3)."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import attrs
import orjson

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, NeedsPreparation, NeedsWriter
from jmapd.methods.registry import Method, Registry
from jmapd.protocol import ids, ijson, references, subprotocol
from jmapd.protocol.errors import MethodError, RequestError, limit, not_json, not_request
from jmapd.protocol.limits import Limits
from jmapd.protocol.subprotocol import Binding
from jmapd.store.database import DeadlineExceeded, TransactionLost

_log = logging.getLogger(__name__)


@attrs.frozen
class Request:
    """A Request object (RFC 8620 section 3.3), checked as far as its calls' arguments.

    :param id: RFC 8887's, if it came over a WebSocket and had one.
    :param created_ids: ``None`` where the client did not ask for them.
    """

    using: frozenset[str]
    calls: list[tuple[str, dict[str, Any], str]]
    created_ids: dict[str, str] | None
    id: str | None


@attrs.frozen
class Refused(Exception):
    """A Request cannot be executed at all.

    :param id: RFC 8887's, as far as it could be read.
    """

    error: RequestError
    id: str | None


def read_request(text: bytes, binding: Binding, limits: Limits, capabilities: Collection[str]) -> Request:
    """Read a Request.

    :param text: as it came.
    :param capabilities: those that ``using`` may name.
    :raises Refused: with the RequestError that RFC 8620 section 3.6.1 has for it.
    """
    id = None
    try:
        try:
            message = ijson.loads(text)
        except ijson.NotIJSON as error:
            id = _id_of_no_ijson(text) if binding is Binding.WEBSOCKET else None
            raise not_json(str(error)) from None
        if not isinstance(message, dict):
            raise not_request("A Request is an object.")
        if binding is Binding.WEBSOCKET:
            id = subprotocol.request_id(message)
            subprotocol.check_type(message)
        using, calls = _using(message, capabilities), _calls(message, limits)
        return Request(using, calls, _created_ids(message), id)
    except RequestError as error:
        raise Refused(error, id) from None


def _id_of_no_ijson(text: bytes) -> str | None:
    try:
        id = orjson.loads(text)["id"]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return None
    return id if isinstance(id, str) else None


def _using(message: dict[str, Any], capabilities: Collection[str]) -> frozenset[str]:
    using = message.get("using")
    if not isinstance(using, list) or not all(isinstance(name, str) for name in using):
        raise not_request("using must be an array of capability URIs.")
    for name in using:
        if name not in capabilities:
            raise RequestError("unknownCapability", f"The capability {name[:200]!r} is not supported.")
    return frozenset(using)


def _calls(message: dict[str, Any], limits: Limits) -> list[tuple[str, dict[str, Any], str]]:
    calls = message.get("methodCalls")
    if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
        raise not_request("methodCalls must be an array of [name, arguments, method call id].")
    if len(calls) > limits.max_calls_in_request:
        raise limit("maxCallsInRequest", f"At most {limits.max_calls_in_request} method calls in a Request.")
    return [(name, arguments, call_id) for name, arguments, call_id in calls]


def _is_call(call: Any) -> bool:
    return (
        isinstance(call, list)
        and len(call) == 3
        and isinstance(call[0], str)
        and isinstance(call[1], dict)
        and isinstance(call[2], str)
    )


def _created_ids(message: dict[str, Any]) -> dict[str, str] | None:
    created_ids = message.get("createdIds")
    if created_ids is None:
        return None
    if not isinstance(created_ids, dict) or not all(ids.is_id(id) for pair in created_ids.items() for id in pair):
        raise not_request("createdIds must be a map of creation ids to Ids.")
    return created_ids


@attrs.frozen
class Dispatch:
    """Executes Requests.

    :param around: what a method's work is done inside of, such as the reader's timer.
    """

    registry: Registry
    around: Callable[[], AbstractContextManager[None]]

    def execute(self, request: Request, context: Context, session_state: str) -> dict[str, Any]:
        """Make the calls of a Request, one after the other.

        :returns: the Response object.
        :raises NeedsWriter: where a reader meets a method that writes.
        :raises NeedsPreparation: where the Request must be run again, with something prepared.
        :raises TransactionLost: where the store has thrown the transaction away.
        """
        if not context.writing and any(self._writes(name) for name, _, _ in request.calls):
            raise NeedsWriter
        context.created_ids.update(request.created_ids or {})
        context.using = request.using
        responses: list[references.Response] = []
        for name, arguments, call_id in request.calls:
            try:
                method, resolved = self._called(request, name, arguments, responses)
                responses.append((name, self._run(context, method, resolved), call_id))
                for implied, its_arguments in self._implicit(context):
                    responses.append((implied.name, self._run(context, implied, its_arguments), call_id))
            except MethodError as error:
                responses.append(("error", error.to_json(), call_id))
        response: dict[str, Any] = {"methodResponses": responses, "sessionState": session_state}
        if request.created_ids is not None:
            response["createdIds"] = context.created_ids
        return response

    def _writes(self, name: str) -> bool:
        method = self.registry.get(name)
        return method is not None and method.writes

    def _called(
        self, request: Request, name: str, arguments: dict[str, Any], responses: list[references.Response]
    ) -> tuple[Method, dict[str, Any]]:
        """The method that a call names, and what it is called with."""
        method = self.registry.get(name)
        if method is None:
            raise MethodError("unknownMethod", f"There is no method {name[:200]!r}.")
        if method.capability not in request.using:
            raise MethodError("unknownMethod", f'{name} needs {method.capability} in "using".')
        return method, references.resolve(arguments, responses)

    def _implicit(self, context: Context) -> list[tuple[Method, dict[str, Any]]]:
        """What the call that was made calls in turn, whatever ``using`` says."""
        implicit, context.implicit = context.implicit, []
        return [(self.registry[name], arguments) for name, arguments in implicit]

    def _run(self, context: Context, method: Method, arguments: dict[str, Any]) -> dict[str, Any]:
        if method.writes and context.unwritable is not None:
            raise context.unwritable
        try:
            with self.around(), _whole(context) if method.writes else _nothing():
                return method.run(context, Arguments(arguments))
        except DeadlineExceeded:
            raise MethodError("serverUnavailable", "This call took too long.") from None
        except (MethodError, NeedsPreparation, TransactionLost, MemoryError, SystemError, sqlite3.Error):
            raise
        except OSError as error:
            # a full disk, for one: where in the program it was met says nothing
            _log.error("%s failed: %s", method.name, error)
            raise MethodError("serverFail", "The server could not store this.") from None
        except Exception:
            _log.exception("%s failed", method.name)
            raise MethodError("serverFail", "The server met an error of its own in this call.") from None


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _whole(context: Context) -> Iterator[None]:
    """A writing call is done whole or not at all."""
    created_ids = dict(context.created_ids)
    try:
        with context.store.database.savepoint("call"):
            yield
            context.finish_call()
    except BaseException:
        context.created_ids = created_ids
        context.abandon_call()
        raise
