"""Core/echo (RFC 8620 section 4)."""

from __future__ import annotations

from typing import Any

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context
from jmapd.methods.registry import Method
from jmapd.protocol.capabilities import CORE


def echo(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Give back what came."""
    return arguments.values


METHODS = (Method("Core/echo", CORE, writes=False, run=echo),)
