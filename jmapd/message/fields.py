"""Header fields written (RFC 5322, RFC 2047): from a form's value to a folded line that every reader understands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]+\Z")
_ADDRESS = re.compile(r"[^\s<>()\[\]:;@,\\\"\x00-\x1f\x7f]+(?:@[^\s<>():;@,\\\"\x00-\x1f\x7f]+)?\Z")
_QUOTED_ADDRESS = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"@[^\s<>():;@,\\"\x00-\x1f\x7f]+\Z')
_MESSAGE_ID = re.compile(r"[^\s<>\x00-\x1f\x7f]{1,900}\Z")
_RAW = re.compile(r"(?:[^\r\n\x00]++|\r?\n(?=[ \t]+[^\s]))*\Z")

LINE = 76


class WrongValue(ValueError):
    """A value is not of its form, or cannot be written safely."""


def write_field(name: str, form: str, value: Any) -> bytes:
    """A field with its line end.

    :param name: the field's.
    :param form: one of `jmapd.message.headers.FORMS`.
    :param value: as a client gives it in that form.
    :raises WrongValue: where it is not of the form. What comes back is one field, whatever the value is.
    """
    text = _WRITERS[form](name, value)
    return f"{name}:{text}\r\n".encode()


def _raw(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _RAW.match(value) or not value.isascii():
        raise WrongValue("a raw value is ASCII without line ends but for folding")
    return re.sub(r"\r?\n", "\r\n", value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise WrongValue("a text is a string")
    return " " + _encoded(name, _CONTROL.sub(" ", value))


def _encoded(name: str, text: str) -> str:
    charset = "us-ascii" if text.isascii() and "=?" not in text else "utf-8"
    header = Header(text.encode("utf-8", "replace").decode(), charset, LINE, name)
    return header.encode(linesep="\r\n", maxlinelen=LINE)


def _addresses(name: str, value: Any) -> str:
    if not isinstance(value, list) or not value:
        raise WrongValue("an address list is an array of EmailAddress objects")
    return " " + ",\r\n ".join(_address(one) for one in value)


def _address(value: Any) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("email"), str) or value.keys() - {"name", "email"}:
        raise WrongValue("an EmailAddress has an email and perhaps a name")
    email, name = value["email"], value.get("name")
    if not (_ADDRESS.match(email) or _QUOTED_ADDRESS.match(email)):
        raise WrongValue("an email is an address such as anna@example.org")
    if name is None or name == "":
        return str(email)
    if not isinstance(name, str):
        raise WrongValue("a name is a string or null")
    return f"{_phrase(name)} <{email}>"


def _phrase(name: str) -> str:
    name = _CONTROL.sub(" ", name)
    if not name.isascii() or "=?" in name:
        return Header(name.encode("utf-8", "replace").decode(), "utf-8", LINE).encode(linesep="\r\n")
    if _ATOM.match(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _grouped(name: str, value: Any) -> str:
    if not isinstance(value, list) or not value:
        raise WrongValue("a grouped address list is an array of EmailAddressGroup objects")
    groups = []
    for group in value:
        if not isinstance(group, dict) or not isinstance(group.get("addresses"), list):
            raise WrongValue("an EmailAddressGroup has a name and addresses")
        members = ",\r\n ".join(_address(one) for one in group["addresses"])
        if group.get("name") is None:
            groups.append(members)
        elif isinstance(group["name"], str):
            groups.append(f"{_phrase(group['name'])}: {members};")
        else:
            raise WrongValue("a group's name is a string or null")
    return " " + ",\r\n ".join(one for one in groups if one)


def _message_ids(name: str, value: Any) -> str:
    if not isinstance(value, list) or not value:
        raise WrongValue("message ids are an array of strings")
    if not all(isinstance(one, str) and one.isascii() and _MESSAGE_ID.match(one) for one in value):
        raise WrongValue("a message id is ASCII without white space and angle brackets")
    return "".join(f" <{one}>" if at == 0 else f"\r\n <{one}>" for at, one in enumerate(value))


def _date(name: str, value: Any) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise WrongValue("a date is such as 2014-10-30T14:12:00+08:00") from None
    if moment.tzinfo is None:
        raise WrongValue("a date has a time zone")
    return " " + format_datetime(moment)


def _urls(name: str, value: Any) -> str:
    if not isinstance(value, list) or not value:
        raise WrongValue("URLs are an array of strings")
    if not all(isinstance(one, str) and one.isascii() and _MESSAGE_ID.match(one) for one in value):
        raise WrongValue("a URL is ASCII without white space and angle brackets")
    return " " + ",\r\n ".join(f"<{one}>" for one in value)


_WRITERS: Mapping[str, Callable[[str, Any], str]] = {
    "asRaw": _raw,
    "asText": _text,
    "asAddresses": _addresses,
    "asGroupedAddresses": _grouped,
    "asMessageIds": _message_ids,
    "asDate": _date,
    "asURLs": _urls,
}
