"""What of a message is its body, and what comes beside it (RFC 8621 section 4.1.4)."""

from __future__ import annotations

import re

import attrs

from jmapd.message.charsets import to_text
from jmapd.message.parts import Part
from jmapd.message.transfer import decode

_MEDIA = ("image/", "audio/", "video/")
_OPEN_ENTITY = re.compile(r"&[#\w]{0,10}\Z")


@attrs.frozen
class Body:
    """The lists that section 4.1.4 makes of a message's parts."""

    text: tuple[Part, ...]
    html: tuple[Part, ...]
    attachments: tuple[Part, ...]


def find_body(root: Part) -> Body:
    """The parts to show as text, those to show as HTML, and the attachments, by the RFC's algorithm."""
    text: list[Part] = []
    html: list[Part] = []
    attachments: list[Part] = []
    _walk((root,), "mixed", False, text, html, attachments)
    return Body(tuple(text), tuple(html), tuple(attachments))


def _walk(
    parts: tuple[Part, ...],
    kind: str,
    in_alternative: bool,
    text: list[Part] | None,
    html: list[Part] | None,
    attachments: list[Part],
) -> None:
    """Put the parts of a multipart into the lists; one that is ``None`` takes no more of them."""
    texts, htmls = len(text or ()), len(html or ())
    for number, part in enumerate(parts):
        if part.part_id is None:
            sub_kind = part.type.partition("/")[2]
            _walk(part.sub_parts, sub_kind, in_alternative or sub_kind == "alternative", text, html, attachments)
        elif not _is_inline(part, kind, number):
            attachments.append(part)
        elif kind == "alternative":
            shown = {"text/plain": text, "text/html": html}.get(part.type, attachments)
            _append(shown, part)
        else:
            if in_alternative and part.type == "text/plain":
                html = None
            elif in_alternative and part.type == "text/html":
                text = None
            _append(text, part)
            _append(html, part)
            if (text is None or html is None) and part.type.startswith(_MEDIA):
                attachments.append(part)
    if kind == "alternative" and text is not None and html is not None:
        # where only one of the two was found it serves for both
        if texts == len(text) and htmls != len(html):
            text.extend(html[htmls:])
        elif htmls == len(html) and texts != len(text):
            html.extend(text[texts:])


def _is_inline(part: Part, kind: str, number: int) -> bool:
    shown = part.type in ("text/plain", "text/html") or part.type.startswith(_MEDIA)
    first_or_unnamed = number == 0 or (kind != "related" and (part.type.startswith(_MEDIA) or not part.name))
    return part.disposition != "attachment" and shown and first_or_unnamed


def _append(parts: list[Part] | None, part: Part) -> None:
    if parts is not None:
        parts.append(part)


def has_attachment(body: Body) -> bool:
    """Whether there is anything a person would call an attachment: images that the HTML shows do not count."""
    return any(not (part.cid and part.type.startswith("image/") and body.html) for part in body.attachments)


def body_value(
    encoded: bytes, encoding: str, charset: str | None, media_type: str, max_bytes: int
) -> dict[str, object]:
    """An EmailBodyValue (section 4.1.4).

    :param encoded: the part's bytes as they are in the message.
    :param max_bytes: octets of UTF-8 that the value may have; 0 is no bound.
    """
    text, problem = to_text(decode(encoded, encoding), charset)
    text = text.replace("\r\n", "\n")
    truncated = False
    if max_bytes and len(text) * 4 > max_bytes:
        octets = text.encode(errors="replace")
        if truncated := len(octets) > max_bytes:
            text = octets[:max_bytes].decode(errors="ignore")
            text = _outside_tags(text) if media_type == "text/html" else text
    return {"value": text, "isEncodingProblem": problem, "isTruncated": truncated}


def _outside_tags(html: str) -> str:
    """Cut HTML before a tag or an entity that has been cut in two."""
    opened = html.rfind("<")
    if opened > html.rfind(">"):
        html = html[:opened]
    return _OPEN_ENTITY.sub("", html)
