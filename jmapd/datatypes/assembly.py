"""The data types put together: what can be called, and what the Session says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jmapd.datatypes import snippet
from jmapd.datatypes.blob.capability import account_capability
from jmapd.datatypes.blob.methods import METHODS as BLOB_METHODS
from jmapd.datatypes.email.prepare import MAX_ATTACHMENTS
from jmapd.datatypes.email.query import SORT_PROPERTIES
from jmapd.datatypes.email.type import EMAIL
from jmapd.datatypes.email_submission.type import EMAIL_SUBMISSION
from jmapd.datatypes.identity import IDENTITY
from jmapd.datatypes.mailbox.names import MAX_DEPTH, MAX_NAME
from jmapd.datatypes.mailbox.type import MAILBOX
from jmapd.datatypes.mdn.methods import METHODS as MDN_METHODS
from jmapd.datatypes.push_subscription import METHODS as PUSH_SUBSCRIPTION_METHODS
from jmapd.datatypes.quota import QUOTA_TYPE
from jmapd.datatypes.thread import THREAD
from jmapd.datatypes.vacation_response.type import VACATION_RESPONSE_TYPE
from jmapd.methods import core
from jmapd.methods.registry import Registry, registry
from jmapd.methods.standard import methods_of
from jmapd.protocol.capabilities import (
    BLOB,
    CORE,
    MAIL,
    MDN,
    QUOTA,
    SUBMISSION,
    VACATION_RESPONSE,
    WEBSOCKET,
    WEBSOCKET_TICKET,
)
from jmapd.protocol.limits import Limits

TYPES = (MAILBOX, THREAD, EMAIL, IDENTITY, EMAIL_SUBMISSION, VACATION_RESPONSE_TYPE, QUOTA_TYPE)

_ACCOUNT_CAPABILITIES: Mapping[str, Callable[[Limits], Mapping[str, Any]]] = {
    MAIL: lambda limits: {
        "maxMailboxesPerEmail": None,
        "maxMailboxDepth": MAX_DEPTH,
        "maxSizeMailboxName": MAX_NAME,
        "maxSizeAttachmentsPerEmail": MAX_ATTACHMENTS,
        "emailQuerySortOptions": list(SORT_PROPERTIES),
        "mayCreateTopLevelMailbox": True,
    },
    SUBMISSION: lambda limits: {"maxDelayedSend": 0, "submissionExtensions": {}},
    VACATION_RESPONSE: lambda limits: {},
    MDN: lambda limits: {},
    BLOB: account_capability,
    QUOTA: lambda limits: {},
}

CAPABILITIES = frozenset({CORE, WEBSOCKET, WEBSOCKET_TICKET, *_ACCOUNT_CAPABILITIES})
"""What ``using`` may name."""


def account_capabilities(limits: Limits) -> dict[str, Mapping[str, Any]]:
    """For each capability that data types bring, its account capability object (RFC 8621 section 1.3 and what follows)."""
    return {urn: make(limits) for urn, make in _ACCOUNT_CAPABILITIES.items()}


def methods() -> Registry:
    """All methods."""
    standard = (methods_of(type) for type in TYPES)
    return registry(core.METHODS, PUSH_SUBSCRIPTION_METHODS, BLOB_METHODS, MDN_METHODS, snippet.METHODS, *standard)
