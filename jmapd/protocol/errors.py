"""The three families of JMAP errors (RFC 8620 sections 3.6.1, 3.6.2 and 5.3), each knowing its wire form."""

from __future__ import annotations

from typing import Any

ERROR_URN = "urn:ietf:params:jmap:error:"


class RequestError(Exception):
    """A whole request is refused: a JSON problem details object (RFC 8620 section 3.6.1).

    :param type: the last part of the type's URN (``notJSON``), or ``None`` for ``about:blank``.
    :param detail: one sentence for the client's developer.
    :param status: the HTTP status it is sent with.
    :param limit: for ``limit``, the name of the limit as the Session object has it.
    """

    def __init__(self, type: str | None, detail: str, status: int = 400, limit: str | None = None) -> None:
        super().__init__(type, detail)
        self.type = f"{ERROR_URN}{type}" if type else "about:blank"
        self.detail = detail
        self.status = status
        self.limit = limit

    def to_json(self) -> dict[str, Any]:
        """The problem details object, without RFC 8887's two members."""
        problem: dict[str, Any] = {"type": self.type, "status": self.status, "detail": self.detail}
        if self.limit is not None:
            problem["limit"] = self.limit
        return problem


def not_json(detail: str = "The request did not parse as I-JSON.") -> RequestError:
    """The message is no I-JSON text (RFC 7493)."""
    return RequestError("notJSON", detail)


def not_request(detail: str) -> RequestError:
    """The message is I-JSON but no Request object."""
    return RequestError("notRequest", detail)


def limit(name: str, detail: str) -> RequestError:
    """The request would exceed the Session's limit ``name``."""
    return RequestError("limit", detail, limit=name)


def server_unavailable(
    detail: str = "The server could not finish this request; nothing of it was done.",
) -> RequestError:
    """The server lost or gave up a request that left no trace."""
    return RequestError(None, detail, status=503)


class MethodError(Exception):
    """A method call fails as a whole (RFC 8620 section 3.6.2).

    :param type: the error's type, such as ``invalidArguments``.
    :param description: one sentence for the client's developer.
    :param extra: further members of the error object.
    """

    def __init__(self, type: str, description: str | None = None, **extra: Any) -> None:
        super().__init__(type, description)
        self.type = type
        self.description = description
        self.extra = extra

    def to_json(self) -> dict[str, Any]:
        """The arguments of the ``error`` response."""
        return _described(self)


class SetError(Exception):
    """One object of a /set, /copy or /import is refused (RFC 8620 section 5.3).

    :param type: the error's type, such as ``invalidProperties``.
    :param description: one sentence for the client's developer.
    :param properties: the names of the properties that are wrong.
    :param extra: further members, such as ``existingId``.
    """

    def __init__(
        self, type: str, description: str | None = None, properties: list[str] | None = None, **extra: Any
    ) -> None:
        super().__init__(type, description)
        self.type = type
        self.description = description
        self.extra = extra if properties is None else {"properties": properties, **extra}

    def to_json(self) -> dict[str, Any]:
        """The SetError object."""
        return _described(self)


def invalid_arguments(description: str) -> MethodError:
    """An argument is missing, unknown or of the wrong type."""
    return MethodError("invalidArguments", description)


def invalid_properties(description: str, *properties: str) -> SetError:
    """The named properties of an object are not as its type says."""
    return SetError("invalidProperties", description, list(properties))


def _described(error: MethodError | SetError) -> dict[str, Any]:
    described = {"type": error.type, **error.extra}
    if error.description is not None:
        described["description"] = error.description
    return described
