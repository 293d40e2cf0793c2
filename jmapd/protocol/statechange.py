"""States, StateChange objects and pushState tokens (RFC 8620 sections 1.6.3 and 7.1, RFC 8887 section 4.3.5).

A state is the modseq of the last change of a type in an account, behind the store's epoch: after a restore or a
repair the epoch is another, and no old state is mistaken for a new one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Modseqs = Mapping[str, Mapping[str, int]]
"""For each account id, for each data type, the modseq of that type's last change."""

_STATE = re.compile(r"([a-z0-9]+)-([0-9a-f]{1,16})\Z")
_PUSH_STATE = re.compile(r"([a-z0-9]+)((?:\.[A-Za-z0-9_-]+:[0-9a-f]{1,16})*)\Z")


def state(epoch: str, modseq: int) -> str:
    """The state string of a modseq."""
    return f"{epoch}-{modseq:x}"


def modseq(epoch: str, state: str) -> int | None:
    """The modseq of a state string, or ``None`` where it is not of this store and epoch."""
    match = _STATE.match(state)
    return int(match[2], 16) if match and match[1] == epoch else None


def push_state(epoch: str, seen: Mapping[str, int]) -> str:
    """The pushState token of what a client has been told: for each account its last modseq."""
    return epoch + "".join(f".{account}:{modseq:x}" for account, modseq in sorted(seen.items()))


def parse_push_state(epoch: str, token: str) -> dict[str, int] | None:
    """For each account its modseq, or ``None`` for a token that is not of this store and epoch."""
    match = _PUSH_STATE.match(token)
    if not match or match[1] != epoch:
        return None
    pairs = (entry.split(":") for entry in match[2].split(".")[1:])
    return {account: int(modseq, 16) for account, modseq in pairs}


def state_change(epoch: str, changed: Modseqs, push_state: str | None = None) -> dict[str, Any]:
    """A StateChange object.

    :param changed: what changed; the states are made from the modseqs.
    :param push_state: the token for RFC 8887's ``pushState``, where the binding has it.
    """
    change: dict[str, Any] = {
        "@type": "StateChange",
        "changed": {
            account: {name: state(epoch, modseq) for name, modseq in types.items()}
            for account, types in changed.items()
        },
    }
    if push_state is not None:
        change["pushState"] = push_state
    return change
