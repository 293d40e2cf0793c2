"""What can be called: a table from method names, built at assembly from the data types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context

Run = Callable[[Context, Arguments], dict[str, Any]]
"""Executes a call and returns the arguments of its response; raises `MethodError`."""


@attrs.frozen
class Method:
    """A method that clients can call.

    :param capability: what ``using`` must name for it.
    :param writes: whether it may change anything, so that only the writer may run it.
    """

    name: str
    capability: str
    writes: bool
    run: Run


Registry = Mapping[str, Method]


def registry(*groups: Iterable[Method]) -> Registry:
    """The table of all methods."""
    return {method.name: method for group in groups for method in group}
