"""The number of an Email: account (20 bits), receivedAt in seconds (32), tie-break (11).

Its order is that of receivedAt within an account, and the numbers of an account are one range: mailbox order,
fetching and full-text search all use it as their key.
"""

from __future__ import annotations

TIE_BITS = 11
SECOND_BITS = 32
ACCOUNT_BITS = 20

_ACCOUNT_SHIFT = SECOND_BITS + TIE_BITS
_LOW_MASK = (1 << _ACCOUNT_SHIFT) - 1
MAX_SECOND = (1 << SECOND_BITS) - 1


def first_of_second(account: int, second: int) -> int:
    """The lowest number of a second; the second is clamped to what fits."""
    return account << _ACCOUNT_SHIFT | min(max(second, 0), MAX_SECOND) << TIE_BITS


def account_range(account: int) -> tuple[int, int]:
    """The lowest and the highest number that an account's Emails can have."""
    return account << _ACCOUNT_SHIFT, account << _ACCOUNT_SHIFT | _LOW_MASK


def second_of(number: int) -> int:
    """The second (clamped) that a number stands for."""
    return (number & _LOW_MASK) >> TIE_BITS


def within_account(number: int) -> int:
    """What is left of a number without its account: what the Email's id shows."""
    return number & _LOW_MASK


def in_account(account: int, rest: int) -> int | None:
    """The number that `within_account` shortened, or ``None`` where there can be none."""
    return account << _ACCOUNT_SHIFT | rest if rest <= _LOW_MASK else None
