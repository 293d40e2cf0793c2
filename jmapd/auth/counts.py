"""Where what happens at the door is counted."""

from __future__ import annotations

from typing import Protocol

FAILURES = "auth_failures"
"""Credentials that were wrong."""

SLOWED = "auth_slowed"
"""Attempts that had to wait because of such."""

REFUSED = "auth_refused"
"""Attempts that were not let wait any more."""


class Counts(Protocol):
    """Counts by name."""

    def count(self, name: str) -> None:
        """It has happened once more."""


class NoCounts:
    """Counts nothing."""

    def count(self, name: str) -> None:
        """Nobody wants to know."""
