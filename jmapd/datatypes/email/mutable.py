"""The two properties of an Email that clients change: keywords and mailboxIds (RFC 8621 section 4.1.1)."""

from __future__ import annotations

from typing import Any

from jmapd.methods.context import Context
from jmapd.protocol import ids
from jmapd.protocol.dates import parse_utc_date
from jmapd.protocol.errors import invalid_properties
from jmapd.store import mailboxes

MAX_KEYWORDS = 1000
MAX_KEYWORD = 255

_KEYWORD_CHARACTERS = frozenset(map(chr, range(0x21, 0x7F))) - frozenset('(){]%*"\\')


def read_keywords(value: Any) -> frozenset[str]:
    """The keywords of a ``keywords`` property, in lower case; null is none.

    :raises SetError: ``invalidProperties``.
    """
    if value is None:
        return frozenset()
    if not isinstance(value, dict) or not all(member is True for member in value.values()):
        raise invalid_properties("keywords is an object whose members are all true.", "keywords")
    if len(value) > MAX_KEYWORDS:
        raise invalid_properties(f"An Email has at most {MAX_KEYWORDS} keywords.", "keywords")
    for keyword in value:
        if not 1 <= len(keyword) <= MAX_KEYWORD or not _KEYWORD_CHARACTERS.issuperset(keyword):
            raise invalid_properties("A keyword is 1 to 255 characters that IMAP allows in one.", "keywords")
    return frozenset(keyword.lower() for keyword in value)


def read_mailboxes(context: Context, known: set[int], value: Any) -> frozenset[int]:
    """The Mailboxes of a ``mailboxIds`` property; an Id may be a reference to a creation.

    :param known: the numbers of the account's Mailboxes.
    :raises SetError: ``invalidProperties``.
    """
    if not isinstance(value, dict) or not value or not all(member is True for member in value.values()):
        raise invalid_properties(
            "mailboxIds is an object of at least one Id, whose members are all true.", "mailboxIds"
        )
    found = set()
    for given in value:
        id = context.referred(given)
        number = ids.number(mailboxes.ID_PREFIX, id) if id else None
        if number is None or number not in known:
            raise invalid_properties(f"There is no Mailbox {given[:100]!r}.", "mailboxIds")
        found.add(number)
    return frozenset(found)


def read_received_at(value: Any, default: int) -> int:
    """The milliseconds of a ``receivedAt`` property; null is the default.

    :raises SetError: ``invalidProperties``.
    """
    if value is None:
        return default
    moment = parse_utc_date(value)
    if moment is None:
        raise invalid_properties("receivedAt is a UTCDate.", "receivedAt")
    return moment
