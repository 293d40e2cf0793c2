"""The parts that a new Email shall have, read from its body properties and checked (RFC 8621 section 4.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from jmapd.message.headers import header_property

MAX_DEPTH = 20
MAX_PARTS = 1000

_TYPE = re.compile(r"[!#-'*+\-.0-9A-Z^-~]{1,100}/[!#-'*+\-.0-9A-Z^-~]{1,100}\Z", re.IGNORECASE)
_TOKEN = re.compile(r"[!#-'*+\-.0-9A-Z^-~]{1,100}\Z", re.IGNORECASE)
_CID = re.compile(r"[!-;=?-~]{1,500}\Z")

_PART_PROPERTIES = frozenset(
    {
        *("partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location"),
        "subParts",
    }
)


@attrs.frozen
class Leaf:
    """A part with a body of its own: a text, or a blob.

    :param text: of ``bodyValues``; ``None`` where the part is a blob.
    :param headers: further header fields, by the property that gives each.
    """

    type: str
    text: str | None = None
    blob_id: str | None = None
    charset: str | None = None
    name: str | None = None
    disposition: str | None = None
    cid: str | None = None
    language: tuple[str, ...] | None = None
    location: str | None = None
    headers: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class Multipart:
    """Parts together."""

    type: str
    parts: tuple[Outline, ...]
    headers: Mapping[str, Any] = attrs.field(factory=dict)


Outline = Leaf | Multipart

_NOTHING = Leaf("text/plain", text="")

_FIELDS = {
    "name": "content-disposition",
    "disposition": "content-disposition",
    "cid": "content-id",
    "language": "content-language",
    "location": "content-location",
}
"""The header fields that a part's other properties stand for, beside those that the server always sets."""

_SERVER_SET = frozenset({"content-type", "content-transfer-encoding"})


def header_fields(part: Outline) -> set[str]:
    """The further header fields of a part, in lower case."""
    return {found[0].lower() for name in part.headers if (found := header_property(name))}


def read_outline(email: Mapping[str, Any], wrong: dict[str, str]) -> Outline:
    """The parts that an Email's properties ask for.

    :param wrong: gets each property that is not as section 4.6 says, with what is wrong.
    """
    values = _body_values(email.get("bodyValues"), wrong)
    if email.get("bodyStructure") is not None:
        for name in ("textBody", "htmlBody", "attachments"):
            if email.get(name) is not None:
                wrong[name] = "it cannot be given beside bodyStructure"
        return _Reader(values, wrong, "bodyStructure").part(email["bodyStructure"], 0)
    text = _single("textBody", "text/plain", email, values, wrong)
    html = _single("htmlBody", "text/html", email, values, wrong)
    attachments = email.get("attachments") or []
    if not isinstance(attachments, list):
        wrong["attachments"] = "it is an array of parts"
        attachments = []
    read = _Reader(values, wrong, "attachments")
    return _together(text, html, [read.part(one, 0) for one in attachments[: MAX_PARTS + 1]])


def _together(text: Outline | None, html: Outline | None, attachments: list[Outline]) -> Outline:
    """The usual nesting: images of the HTML beside it, the HTML beside the text, the attachments after both."""
    of_html: list[Outline] = []
    others: list[Outline] = []
    for one in attachments:
        shown = html is not None and isinstance(one, Leaf) and one.cid and one.disposition == "inline"
        (of_html if shown else others).append(one)
    if html is not None and of_html:
        html = Multipart("multipart/related", (html, *of_html))
    both = [one for one in (text, html) if one is not None]
    body = Multipart("multipart/alternative", tuple(both)) if len(both) == 2 else both[0] if both else None
    if not others:
        return _NOTHING if body is None else body
    return Multipart("multipart/mixed", tuple(others) if body is None else (body, *others))


def _body_values(values: Any, wrong: dict[str, str]) -> dict[str, str]:
    if values is None:
        return {}
    if not isinstance(values, dict):
        wrong["bodyValues"] = "it is a map of part ids to EmailBodyValue objects"
        return {}
    found = {}
    for part_id, value in values.items():
        if not isinstance(value, dict) or not isinstance(value.get("value"), str):
            wrong["bodyValues"] = "an EmailBodyValue has a value"
        elif value.get("isEncodingProblem") or value.get("isTruncated"):
            wrong["bodyValues"] = "isEncodingProblem and isTruncated must be false"
        else:
            found[part_id] = value["value"]
    return found


def _single(
    name: str, media_type: str, email: Mapping[str, Any], values: dict[str, str], wrong: dict[str, str]
) -> Outline | None:
    parts = email.get(name)
    if parts is None:
        return None
    if not isinstance(parts, list) or len(parts) != 1 or not isinstance(parts[0], dict):
        wrong[name] = "it is an array of one part"
        return None
    part = {"type": media_type, **parts[0]}
    if str(part["type"]).lower() != media_type:
        wrong[name] = f"its type is {media_type}"
        return None
    return _Reader(values, wrong, name).part(part, 0)


def _wrong_fields(properties: Iterable[str], headers: Mapping[str, Any]) -> str:
    """What is wrong with the header fields that a part is given, if anything is.

    :param properties: its other properties.
    """
    stood_for = {_FIELDS[name] for name in properties if name in _FIELDS}
    for name, value in headers.items():
        wanted = header_property(name)
        if wanted is None:
            return "a header field cannot be given in this form"
        if wanted[2] and not isinstance(value, list):
            return "all values of a field are an array"
        field = wanted[0].lower()
        if field in _SERVER_SET:
            return "the server sets Content-Type, by the type, and Content-Transfer-Encoding"
        if field in stood_for:
            return "two properties stand for the same header field"
        stood_for.add(field)
    return ""


@attrs.define
class _Reader:
    """Reads the parts of one property.

    :param property: the one that is named where something is wrong.
    """

    values: dict[str, str]
    wrong: dict[str, str]
    property: str
    count: int = 0

    def part(self, part: Any, depth: int) -> Outline:
        """A part and those within it."""
        self.count += 1
        if not isinstance(part, dict):
            return self._bad("a part is an object")
        if depth > MAX_DEPTH or self.count > MAX_PARTS:
            return self._bad("there are too many parts, or too many within each other")
        given = {name: value for name, value in part.items() if value is not None}
        headers = {name: value for name, value in given.items() if name.startswith("header:")}
        if part.keys() - _PART_PROPERTIES - {name for name in part if name.startswith("header:")}:
            return self._bad("a new part has no such properties, and headers only one by one")
        if why := _wrong_fields(given.keys() - headers.keys(), headers):
            return self._bad(why)
        media_type = part.get("type")
        if media_type is None:
            media_type = "multipart/mixed" if part.get("subParts") else "text/plain"
        if not isinstance(media_type, str) or not _TYPE.match(media_type):
            return self._bad("type is a media type")
        media_type = media_type.lower()
        if media_type.startswith("multipart/"):
            return self._multipart(part, media_type, headers, depth)
        return self._leaf(part, media_type, headers)

    def _multipart(self, part: dict[str, Any], media_type: str, headers: dict[str, Any], depth: int) -> Outline:
        parts = part.get("subParts")
        if not isinstance(parts, list) or not parts:
            return self._bad("a multipart has subParts")
        if part.get("partId") is not None or part.get("blobId") is not None:
            return self._bad("a multipart has neither partId nor blobId")
        return Multipart(media_type, tuple(self.part(one, depth + 1) for one in parts), headers)

    def _leaf(self, part: dict[str, Any], media_type: str, headers: dict[str, Any]) -> Outline:
        part_id, blob_id = part.get("partId"), part.get("blobId")
        if part.get("subParts"):
            return self._bad("only a multipart has subParts")
        if (part_id is None) == (blob_id is None):
            return self._bad("a part has either a partId or a blobId")
        text = None
        if part_id is not None:
            text = self.values.get(part_id) if isinstance(part_id, str) else None
            if text is None:
                return self._bad("there is no such partId in bodyValues")
            if part.get("charset") is not None or part.get("size") is not None:
                return self._bad("a part with a partId has neither charset nor size: the server sets them")
            if not media_type.startswith("text/"):
                return self._bad("a part with a partId is text")
        elif not isinstance(blob_id, str):
            return self._bad("a blobId is an Id")
        return self._described(part, Leaf(media_type, text, blob_id, headers=headers))

    def _described(self, part: dict[str, Any], leaf: Leaf) -> Outline:
        charset, disposition, cid = (self._matching(part, name, rule) for name, rule in _RULES)
        language = part.get("language")
        if language is not None and not (
            isinstance(language, list) and all(isinstance(one, str) and _TOKEN.match(one) for one in language)
        ):
            return self._bad("language is an array of language tags")
        for name in ("name", "location"):
            if part.get(name) is not None and not isinstance(part[name], str):
                return self._bad(f"{name} is a string")
        return attrs.evolve(
            leaf,
            charset=charset,
            name=part.get("name") or None,
            disposition=disposition.lower() if disposition else None,
            cid=cid,
            language=tuple(language) if language else None,
            location=part.get("location") or None,
        )

    def _matching(self, part: dict[str, Any], name: str, rule: re.Pattern[str]) -> str | None:
        value = part.get(name)
        if value is not None and not (isinstance(value, str) and rule.match(value)):
            self._bad(f"{name} has characters that it cannot have")
            return None
        return value

    def _bad(self, why: str) -> Outline:
        self.wrong.setdefault(self.property, why)
        return _NOTHING


_RULES = (("charset", _TOKEN), ("disposition", _TOKEN), ("cid", _CID))
