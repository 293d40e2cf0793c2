"""A message as it is delivered: with what final delivery adds, without what its recipients may not see."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime

_HIDDEN = re.compile(rb"^(?:bcc|return-path)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)
_BLANK_LINE = re.compile(rb"(\A|\n)\r?\n")
_DATE = re.compile(rb"^date[ \t]*:", re.IGNORECASE | re.MULTILINE)
_MESSAGE_ID = re.compile(rb"^message-id[ \t]*:", re.IGNORECASE | re.MULTILINE)
_UNSAFE = re.compile(r"[^!-;=?-~]")


def for_delivery(raw: bytes, mail_from: str, hostname: str, now: int, message_id: str) -> bytes:
    """The message that goes into a recipient's mailbox.

    :param raw: the message as it was submitted.
    :param mail_from: the envelope's; empty for none.
    :param hostname: whom the trace field names.
    :param now: milliseconds since 1970.
    :param message_id: for a message without one, without its angle brackets.
    :returns: it with Return-Path and Received in front (RFC 5321 section 4.4), Date and Message-ID where they are
        missing (RFC 6409 section 8), and without Bcc (RFC 8621 section 7.5).
    """
    blank = _BLANK_LINE.search(raw)
    end = len(raw) if blank is None else blank.end(1)
    header, rest = raw[:end], raw[end:]
    if header and not header.endswith(b"\n"):
        header += b"\r\n"
    date = format_datetime(datetime.fromtimestamp(now / 1000, UTC))
    lines = [
        f"Return-Path: <{_UNSAFE.sub('', mail_from)}>",
        f"Received: by {_UNSAFE.sub('', hostname)} with JMAP; {date}",
    ]
    if not _DATE.search(header):
        lines.append(f"Date: {date}")
    if not _MESSAGE_ID.search(header):
        lines.append(f"Message-ID: <{message_id}>")
    return "".join(f"{line}\r\n" for line in lines).encode() + _HIDDEN.sub(b"", header) + rest
