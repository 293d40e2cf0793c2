"""What became of a test, by its name."""

from __future__ import annotations

import re

import attrs

OVER = {"in process": "in process", "http": "HTTP", "websocket": "WebSocket"}
"""What a test may run over, as its parameters name it and as it is shown."""

THREE_WAYS = "³"
"""Stands behind a test that has passed over all of `OVER`."""

_NAME = re.compile(r"test_rfc(\d+)_((?:\d+_)+)(\w+)")

_CAPITALS = """
ASCII GOAWAY HTML HTTP HTTPS I-JSON JSON MDN MDNs MIME TLS UTF-8 URL URLs Unicode
Blob/copy Core/echo Email Emails EmailDelivery EmailSubmission EventSource Id Ids Identity Identities Mailbox Mailboxes
Quota Quotas PushSubscription PushSubscriptions SearchSnippet StateChange Thread Threads UTCDate UnsignedInt
VacationResponse WebSocket WebSockets
accountNotFound accountReadOnly anchorNotFound bodyValues cannotCalculateChanges createdIds fromDate toDate
hasAttachment ifInState invalidArguments invalidPatch invalidProperties invalidResultReference maxCallsInRequest
maxChanges maxConcurrentRequests maxObjectsInGet maxObjectsInSet maxSizeRequest messageId notRequest pushState
queryChanges receivedAt requestId sortOrder stateMismatch tooLarge updatedProperties willDestroy
"""
"""Names that have another spelling than the words of a test's name."""


def _words(name: str) -> str:
    """How a test's name has it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])|[-/]", " ", name).lower()


_SPELLINGS = {_words(name): name for name in _CAPITALS.split()} | {
    "http 1 1": "HTTP/1.1",
    "http2": "HTTP/2",
    "rfcs": "RFC's",
    "tls 1 2": "TLS 1.2",
    "websocket": "WebSocket",
}
_SPELLED = re.compile(rf"\b({'|'.join(sorted(_SPELLINGS, key=len, reverse=True))})\b")

_OTHER = re.compile(r"\brfc(\d+)((?: \d+)+)\b")


@attrs.frozen(order=True)
class Name:
    """What the name of a test says: which section of which RFC it is about, and what holds."""

    rfc: int
    section: tuple[int, ...]
    says: str

    @classmethod
    def of(cls, test: str) -> Name | None:
        """That of a test, if it is named by an RFC."""
        match = _NAME.match(test)
        if match is None:
            return None
        section = tuple(int(number) for number in match[2].strip("_").split("_"))
        said = _OTHER.sub(
            lambda found: f"RFC {found[1]} section {'.'.join(found[2].split())}", match[3].replace("_", " ")
        )
        said = _SPELLED.sub(lambda found: _SPELLINGS[found[1]], said)
        return cls(int(match[1]), section, said)


@attrs.define
class Outcome:
    """Whether a test has passed.

    :param over: by what it ran over; "" where that is no question.
    """

    over: dict[str, bool] = attrs.field(factory=dict)

    @property
    def passed(self) -> bool:
        """Whether it ran, and always passed."""
        return bool(self.over) and all(self.over.values())

    @property
    def three_ways(self) -> bool:
        """Whether it passed over all that there is."""
        return self.passed and self.over.keys() >= OVER.keys()

    def shown(self) -> str:
        """What stands behind the test: where it passed, unless that is nothing special, or that it did not."""
        if not self.over:
            return " **did not run**"
        if not self.passed:
            failed = [name for name, passed in self.over.items() if not passed and name]
            return " **fails**" + (f" ({', '.join(failed)})" if failed else "")
        if self.three_ways:
            return f" {THREE_WAYS}"
        named = [shown for name, shown in OVER.items() if name in self.over]
        return f" ({', '.join(named)})" if named else ""
