"""The envelope: from whom and to whom a message goes, whatever its header says (RFC 8621 section 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from jmapd.protocol.errors import SetError, invalid_properties

MAX_RECIPIENTS = 1000
"""Recipients of one submission."""

_ADDRESS = re.compile(r"[^\s@\"<>(),:;\\\[\]\x00-\x1f]{1,64}@[^\s@\"<>(),;\\\x00-\x1f]{1,255}\Z")
_MEMBERS = frozenset({"mailFrom", "rcptTo"})


@attrs.frozen
class Envelope:
    """An envelope without parameters, for none of SMTP's extensions is offered.

    :param recipients: each once.
    """

    mail_from: str
    recipients: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The ``envelope`` property."""
        return {"mailFrom": _address(self.mail_from), "rcptTo": [_address(one) for one in self.recipients]}


def given(value: Any) -> Envelope:
    """The envelope that a client gives.

    :raises SetError: ``invalidProperties`` where it is none, or asks for what is not offered; as `of_message` else.
    """
    if not isinstance(value, dict) or value.keys() != _MEMBERS or not isinstance(value["rcptTo"], list):
        raise invalid_properties("envelope has the members mailFrom and rcptTo.", "envelope")
    mail_from, *recipients = (_email(one) for one in (value["mailFrom"], *value["rcptTo"]))
    return _bounded(mail_from, recipients)


def of_message(header: Mapping[str, Any], mail_from: str) -> Envelope:
    """The envelope that a message's own header makes: to all whom it names.

    :param header: the Email's properties.
    :param mail_from: its sender, who is the Identity's.
    :raises SetError: ``noRecipients``, ``invalidRecipients`` or ``tooManyRecipients``.
    """
    recipients = [one["email"] for name in ("to", "cc", "bcc") for one in header[name] or ()]
    return _bounded(mail_from, recipients)


def is_valid(email: str) -> bool:
    """Whether mail can be sent to an address."""
    return _ADDRESS.match(email) is not None


def _bounded(mail_from: str, recipients: list[str]) -> Envelope:
    once = tuple({one.casefold(): one for one in recipients}.values())
    if not once:
        raise SetError("noRecipients")
    if len(once) > MAX_RECIPIENTS:
        raise SetError("tooManyRecipients", maxRecipients=MAX_RECIPIENTS)
    invalid = [one for one in once if not is_valid(one)]
    if invalid:
        raise SetError("invalidRecipients", invalidRecipients=invalid)
    return Envelope(mail_from, once)


def _email(address: Any) -> str:
    if not isinstance(address, dict) or not address.keys() <= {"email", "parameters"}:
        raise invalid_properties("An Address has the members email and parameters.", "envelope")
    if not isinstance(address.get("email"), str):
        raise invalid_properties("The email of an Address is a string.", "envelope")
    if address.get("parameters"):
        raise invalid_properties("No extension of SMTP that would have parameters is offered.", "envelope")
    email: str = address["email"]
    return email


def _address(email: str) -> dict[str, Any]:
    return {"email": email, "parameters": None}
