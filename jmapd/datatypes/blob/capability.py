"""What the server offers about blobs (RFC 9404 section 3.1)."""

from __future__ import annotations

from typing import Any

from jmapd.protocol.limits import Limits

MAX_DATA_SOURCES = 64
"""Sources of one assembled blob."""

TYPE_NAMES = ("Mailbox", "Thread", "Email")
"""Types whose objects Blob/lookup finds."""

DIGESTS = {"sha-256": "sha256", "sha-512": "sha512", "sha": "sha1"}
"""Digest algorithms of Blob/get, each with hashlib's name of it."""


def account_capability(limits: Limits) -> dict[str, Any]:
    """The account capability object."""
    return {
        "maxSizeBlobSet": limits.max_size_upload,
        "maxDataSources": MAX_DATA_SOURCES,
        "supportedTypeNames": list(TYPE_NAMES),
        "supportedDigestAlgorithms": list(DIGESTS),
    }
