"""Date and UTCDate (RFC 8620 section 1.4), kept as milliseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTC_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d*[1-9]))?Z\Z", re.ASCII)


def parse_utc_date(value: Any) -> int | None:
    """The milliseconds of a UTCDate, or ``None`` where the value is none."""
    if not isinstance(value, str) or not (match := _UTC_DATE.match(value)):
        return None
    # a leap second is a time that datetime does not know: the second before it is the nearest
    seconds = value[:17] + ("59" if value[17:19] == "60" else value[17:19])
    try:
        moment = datetime.strptime(seconds, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1) + int((match[1] or "").ljust(3, "0")[:3])


def utc_date(milliseconds: int) -> str:
    """The UTCDate of milliseconds since 1970, fractions left out where they are zero."""
    seconds, rest = divmod(milliseconds, 1000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    text = text.rjust(19, "0")
    return f"{text}.{rest:03}".rstrip("0") + "Z" if rest else text + "Z"
