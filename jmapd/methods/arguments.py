"""The arguments of a method call, read one by one and checked as their types say (RFC 8620 section 1.1)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from jmapd.protocol import ids
from jmapd.protocol.errors import invalid_arguments

MAX_INT = 2**53 - 1


class Arguments:
    """What a method was called with.

    Each reader takes an argument's name; each raises `MethodError` ``invalidArguments`` where the value is not of
    its type. An argument that is absent is as ``None``, unless a default is given.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def refuse_others(self, known: Collection[str]) -> None:
        """Refuse arguments that the method does not have."""
        unknown = self.values.keys() - set(known)
        if unknown:
            raise invalid_arguments(f"Unknown arguments: {', '.join(sorted(unknown))[:200]}.")

    def required(self, name: str) -> Any:
        """A value that must be there, of any type."""
        if name not in self.values:
            raise invalid_arguments(f"{name} is missing.")
        return self.values[name]

    def string(self, name: str) -> str | None:
        """A String, or null."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise invalid_arguments(f"{name} must be a string or null.")
        return value

    def boolean(self, name: str, default: bool = False) -> bool:
        """A Boolean."""
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise invalid_arguments(f"{name} must be true or false.")
        return value

    def integer(self, name: str, default: int = 0) -> int:
        """An Int."""
        value = self.values.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_INT:
            raise invalid_arguments(f"{name} must be an integer.")
        return value

    def unsigned(self, name: str, *, least: int = 0) -> int | None:
        """An UnsignedInt, or null."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MAX_INT:
            raise invalid_arguments(f"{name} must be an integer of at least {least}, or null.")
        return value

    def id(self, name: str) -> str | None:
        """An Id, or null."""
        value = self.values.get(name)
        if value is not None and not ids.is_id(value):
            raise invalid_arguments(f"{name} must be an Id or null.")
        return value

    def ids(self, name: str) -> list[str] | None:
        """An array of Ids, each once, or null."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(id, str) for id in value):
            raise invalid_arguments(f"{name} must be an array of Ids or null.")
        return list(dict.fromkeys(value))

    def names(self, name: str) -> list[str] | None:
        """An array of property names, each once, or null."""
        return self.ids(name)

    def object(self, name: str) -> dict[str, Any] | None:
        """An object, or null."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, dict):
            raise invalid_arguments(f"{name} must be an object or null.")
        return value

    def objects(self, name: str) -> dict[str, dict[str, Any]]:
        """A map of objects; null is none."""
        value = self.object(name) or {}
        if not all(isinstance(one, dict) for one in value.values()):
            raise invalid_arguments(f"{name} must be a map of objects.")
        return value

    def array(self, name: str) -> list[Any] | None:
        """An array of anything, or null."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, list):
            raise invalid_arguments(f"{name} must be an array or null.")
        return value
