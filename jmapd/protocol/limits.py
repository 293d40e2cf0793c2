"""The bounds that a client is told of (RFC 8620 section 2), by the Session's own names, and those that it is not told of."""

from __future__ import annotations

from typing import Any

import attrs

MAX_PUSH_SUBSCRIPTIONS = 100
"""Of a user, unless the configuration says another number."""


@attrs.frozen
class Limits:
    """What one Request may ask for.

    Sizes are in octets; everything else counts objects, calls or requests.
    """

    max_size_upload: int = 50_000_000
    max_concurrent_upload: int = 4
    max_size_request: int = 10_000_000
    max_concurrent_requests: int = 4
    max_calls_in_request: int = 16
    max_objects_in_get: int = 500
    max_objects_in_set: int = 500
    max_results: int = 5000
    """Ids in one /query response; not in the Session, the response's ``limit`` says it."""
    max_changes: int = 5000
    """Ids in one /changes response; not in the Session, ``hasMoreChanges`` says it."""

    def core(self) -> dict[str, Any]:
        """The ``urn:ietf:params:jmap:core`` capability object."""
        return {
            "maxSizeUpload": self.max_size_upload,
            "maxConcurrentUpload": self.max_concurrent_upload,
            "maxSizeRequest": self.max_size_request,
            "maxConcurrentRequests": self.max_concurrent_requests,
            "maxCallsInRequest": self.max_calls_in_request,
            "maxObjectsInGet": self.max_objects_in_get,
            "maxObjectsInSet": self.max_objects_in_set,
            "collationAlgorithms": ["i;unicode-casemap"],
        }


@attrs.frozen
class UploadBounds:
    """What of uploads that nothing refers to is kept for a user.

    :param files: how many.
    :param size: how many octets in all.
    :param ttl: for how many seconds.
    """

    files: int = 1000
    size: int = 50_000_000
    ttl: float = 3600.0
