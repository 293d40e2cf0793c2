"""Numbers as people say them."""

from __future__ import annotations


def amount(number: int, noun: str) -> str:
    """So many of a thing whose plural ends in s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
