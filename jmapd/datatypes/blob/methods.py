"""All methods about blobs."""

from __future__ import annotations

from jmapd.datatypes.blob import copy, get, lookup, upload

METHODS = (upload.METHOD, get.METHOD, lookup.METHOD, copy.METHOD)
