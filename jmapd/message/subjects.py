"""The base subject: what a subject is without all that replying and forwarding put around it (RFC 5256 section 2.1)."""

from __future__ import annotations

import re

MAX_CHARACTERS = 1000

_LEADER = re.compile(
    r"\s*(?:(?:\[[^\[\]]{0,100}\]\s*)*(?:re|fwd?|aw|wg|sv|vs|antw|rv|tr)\s*(?:\[[^\[\]]{0,100}\]\s*)?:)", re.I
)
_TRAILER = re.compile(r"(?:\s*\(fwd\))+\s*\Z", re.I)
_BLOB = re.compile(r"\s*\[[^\[\]]{0,100}\]\s*(?=\S)")


def base_subject(subject: str) -> str:
    """The base subject, white space collapsed.

    :param subject: the Subject field as text.
    """
    text = " ".join(subject[:MAX_CHARACTERS].split())
    while True:
        before = text
        text = _TRAILER.sub("", text)
        if match := _LEADER.match(text):
            text = text[match.end() :].lstrip()
        elif match := _BLOB.match(text):
            text = text[match.end() :]
        if text.lower().startswith("[fwd:") and text.endswith("]"):
            text = text[5:-1].strip()
        if text == before:
            return text
