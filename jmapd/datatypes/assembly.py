"""The data types put together: what can be called, and what the Session says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jmapd.datatypes import snippet
from jmapd.datatypes.email.prepare import MAX_ATTACHMENTS
from jmapd.datatypes.email.query import SORT_PROPERTIES
from jmapd.datatypes.email.type import EMAIL
from jmapd.datatypes.email_submission.type import EMAIL_SUBMISSION
from jmapd.datatypes.identity import IDENTITY
from jmapd.datatypes.mailbox.names import MAX_DEPTH, MAX_NAME
from jmapd.datatypes.mailbox.type import MAILBOX
from jmapd.datatypes.thread import THREAD
from jmapd.datatypes.vacation_response import VACATION_RESPONSE_TYPE
from jmapd.methods import core
from jmapd.methods.registry import Registry, registry
from jmapd.methods.standard import methods_of
from jmapd.protocol.capabilities import CORE, MAIL, SUBMISSION, VACATION_RESPONSE, WEBSOCKET, WEBSOCKET_TICKET

TYPES = (MAILBOX, THREAD, EMAIL, IDENTITY, EMAIL_SUBMISSION, VACATION_RESPONSE_TYPE)

ACCOUNT_CAPABILITIES: Mapping[str, Mapping[str, Any]] = {
    MAIL: {
        "maxMailboxesPerEmail": None,
        "maxMailboxDepth": MAX_DEPTH,
        "maxSizeMailboxName": MAX_NAME,
        "maxSizeAttachmentsPerEmail": MAX_ATTACHMENTS,
        "emailQuerySortOptions": list(SORT_PROPERTIES),
        "mayCreateTopLevelMailbox": True,
    },
    SUBMISSION: {"maxDelayedSend": 0, "submissionExtensions": {}},
    VACATION_RESPONSE: {},
}
"""For each capability that data types bring, its account capability object (RFC 8621 section 1.3 and what follows)."""

CAPABILITIES = frozenset({CORE, WEBSOCKET, WEBSOCKET_TICKET, *ACCOUNT_CAPABILITIES})
"""What ``using`` may name."""


def methods() -> Registry:
    """All methods."""
    return registry(core.METHODS, snippet.METHODS, *(methods_of(type) for type in TYPES))
