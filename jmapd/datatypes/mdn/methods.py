"""All methods about MDNs."""

from __future__ import annotations

from jmapd.datatypes.mdn import parse, send

METHODS = (send.METHOD, parse.METHOD)
