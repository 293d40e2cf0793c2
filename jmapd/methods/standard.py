"""All methods of a data type, made from its descriptor."""

from __future__ import annotations

from collections.abc import Iterator

from jmapd.methods.changes import changes
from jmapd.methods.copy import copy
from jmapd.methods.datatype import DataType
from jmapd.methods.get import get
from jmapd.methods.query import query
from jmapd.methods.query_changes import query_changes
from jmapd.methods.registry import Method
from jmapd.methods.set import set_


def methods_of(type: DataType) -> Iterator[Method]:
    """The standard methods that a type has, and its own."""
    yield get(type)
    if type.has_changes:
        yield changes(type)
    if type.setter:
        yield set_(type)
    if type.copier:
        yield copy(type)
    if type.query:
        yield query(type)
        yield query_changes(type)
    yield from type.other_methods
