"""What the server offers, by capability and by type: the first tables of docs/conformance.md, made of the data types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jmapd.datatypes import assembly
from jmapd.datatypes.email_submission.envelope import MAX_RECIPIENTS
from jmapd.datatypes.identity import MAX_IDENTITIES
from jmapd.methods.query import COLLATIONS, MAX_FILTER_CONDITIONS, MAX_SORT_PROPERTIES
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
from jmapd.protocol.limits import MAX_PUSH_SUBSCRIPTIONS, Limits

_LIMITS = Limits()
_OF_ACCOUNT = assembly.account_capabilities(_LIMITS)


def _said(*names: str, of: dict[str, object]) -> str:
    return ", ".join(f"`{name}` {_number(of[name])}" for name in names)


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


LIMITED = {
    CORE: [
        _said(*(name for name in _LIMITS.core() if name.startswith("max")), of=_LIMITS.core()),
        f"{_LIMITS.max_results:,} Ids in a /query, {_LIMITS.max_changes:,} in a /changes",
        f"{MAX_FILTER_CONDITIONS} conditions in a filter, {MAX_SORT_PROPERTIES} properties in a sort",
        f"the only collation is {_listed(COLLATIONS)}",
        f"{MAX_PUSH_SUBSCRIPTIONS} PushSubscriptions of a user; no VAPID (RFC 8292)",
    ],
    WEBSOCKET: ["over HTTP/1.1 and HTTP/2, not over HTTP/3"],
    WEBSOCKET_TICKET: ["tickets come by HTTP: there are no methods"],
    MAIL: [
        _said("maxMailboxDepth", "maxSizeMailboxName", "maxSizeAttachmentsPerEmail", of=dict(_OF_ACCOUNT[MAIL])),
        "an account is shared whole or not at all: no rights for single Mailboxes",
        "Mailbox/queryChanges is cannotCalculateChanges after a query with `sortAsTree` or `filterAsTree`",
    ],
    SUBMISSION: [
        "what goes to other servers stays `pending`: sending is not built, and nothing comes in from them",
        _said("maxDelayedSend", of=dict(_OF_ACCOUNT[SUBMISSION]))
        + ": nothing is sent later; no `submissionExtensions`",
        f"an Identity has the account's address and no other; {MAX_IDENTITIES} of them",
        f"{MAX_RECIPIENTS:,} recipients of a message",
    ],
    VACATION_RESPONSE: ["only who writes from this server is answered: nothing comes in from others"],
    MDN: ["an MDN to another server waits, as an EmailSubmission does"],
    BLOB: [
        _said("maxSizeBlobSet", "maxDataSources", of=dict(_OF_ACCOUNT[BLOB])),
        f"Blob/lookup finds {_listed(_OF_ACCOUNT[BLOB]['supportedTypeNames'])}",
        f"digests are {_listed(_OF_ACCOUNT[BLOB]['supportedDigestAlgorithms'])}",
    ],
    QUOTA: [
        "of an account: octets and number of its Emails; an administrator sets them",
        "Quota/queryChanges is always cannotCalculateChanges",
    ],
}
"""By capability what is limited (by default, where a setting says it) or not done."""


def tables() -> Iterator[str]:
    """The capabilities with their methods, and what each type can be filtered and sorted by."""
    by_capability: dict[str, list[str]] = {urn: [] for urn in LIMITED}
    for method in assembly.methods().values():
        by_capability[method.capability].append(method.name)
    yield "| capability | methods | what is limited or not done |"
    yield "|---|---|---|"
    for urn, methods in by_capability.items():
        yield f"| `{urn}` | {'<br>'.join(_by_type(methods))} | {'<br>'.join(LIMITED[urn])} |"
    yield "\n| /query of | filters | sorts |"
    yield "|---|---|---|"
    for type in assembly.TYPES:
        if type.query:
            yield f"| {type.name} | {_listed(type.conditions)} | {_listed(type.sort_properties)} |"


def _by_type(methods: Iterable[str]) -> Iterator[str]:
    """``Mailbox/get``, ``Mailbox/set`` as one line."""
    of_type: dict[str, list[str]] = {}
    for name in methods:
        type, _, verb = name.partition("/")
        of_type.setdefault(type, []).append(f"/{verb}")
    return (f"{type}{', '.join(verbs)}" for type, verbs in of_type.items())
