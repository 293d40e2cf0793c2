"""Parts written as MIME (RFC 2045, RFC 2046, RFC 2231), so that every reader understands them."""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Callable
from urllib.parse import quote

from jmapd.message.fields import LINE, write_field
from jmapd.message.headers import header_property
from jmapd.message.outline import Leaf, Multipart, Outline

MAX_LINE = 998
"""Octets that a line may have without being encoded (RFC 5322 section 2.1.1)."""

_NEWLINE = re.compile(r"\r\n|\r|\n")
_PLAIN_PARAMETER = re.compile(r"[A-Za-z0-9._-]{1,60}\Z")
_PIECE = 50


def write_part(part: Outline, blob: Callable[[str], bytes], boundary: Callable[[], str]) -> bytes:
    """A part with its Content-* fields, an empty line and its body.

    :param blob: gives the bytes of a blob.
    :param boundary: gives a new boundary each time.
    """
    if isinstance(part, Multipart):
        return _multipart(part, blob, boundary)
    data, encoding, charset = _encoded(part, blob)
    fields = [_content_type(part, charset), f"Content-Transfer-Encoding: {encoding}\r\n".encode(), *_described(part)]
    return b"".join((*fields, *_further(part), b"\r\n", data))


def _multipart(part: Multipart, blob: Callable[[str], bytes], boundary: Callable[[], str]) -> bytes:
    mark = boundary()
    pieces = [f'Content-Type: {part.type};\r\n boundary="{mark}"\r\n'.encode(), *_further(part), b"\r\n"]
    for one in part.parts:
        pieces += [f"--{mark}\r\n".encode(), write_part(one, blob, boundary), b"\r\n"]
    return b"".join((*pieces, f"--{mark}--\r\n".encode()))


def _further(part: Outline) -> list[bytes]:
    written = []
    for name, value in part.headers.items():
        wanted = header_property(name)
        assert wanted is not None
        field, form, every = wanted
        written += [write_field(field, form, one) for one in (value if every else [value])]
    return written


def _encoded(part: Leaf, blob: Callable[[str], bytes]) -> tuple[bytes, str, str | None]:
    """The body as it is written, its encoding, and its charset if it is text of ours."""
    if part.blob_id is not None:
        data = blob(part.blob_id)
        if part.type == "message/rfc822":
            # a message within a message must not be encoded (RFC 2046 section 5.2.1)
            return data, "8bit" if not data.isascii() else "7bit", None
        return encodebytes(data).replace(b"\n", b"\r\n"), "base64", part.charset
    text = _NEWLINE.sub("\r\n", part.text or "")
    data = text.encode("utf-8", "replace")
    lines = data.split(b"\r\n")
    if data.isascii() and b"\0" not in data and max(map(len, lines)) <= MAX_LINE:
        return data, "7bit", "us-ascii"
    if sum(byte > 0x7E for byte in data[:4000]) * 4 > len(data[:4000]):
        return encodebytes(data).replace(b"\n", b"\r\n"), "base64", "utf-8"
    return (
        b"\r\n".join(b2a_qp(line, istext=False).replace(b"=\n", b"=\r\n") for line in lines),
        "quoted-printable",
        "utf-8",
    )


def _content_type(part: Leaf, charset: str | None) -> bytes:
    text = f"Content-Type: {part.type}"
    if charset is not None:
        text += f"; charset={charset}"
    return (text + _parameter("name", part.name) + "\r\n").encode()


def _described(part: Leaf) -> list[bytes]:
    written = []
    if part.disposition or part.name:
        text = f"Content-Disposition: {part.disposition or 'attachment'}"
        written.append((text + _parameter("filename", part.name) + "\r\n").encode())
    if part.cid:
        written.append(f"Content-ID: <{part.cid}>\r\n".encode())
    if part.language:
        written.append(f"Content-Language: {', '.join(part.language)}\r\n".encode())
    if part.location:
        written.append(write_field("Content-Location", "asText", part.location))
    return written


def _parameter(name: str, value: str | None) -> str:
    """A parameter on a line of its own, in RFC 2231's form where it needs one."""
    if not value:
        return ""
    if _PLAIN_PARAMETER.match(value):
        return f';\r\n {name}="{value}"'
    text = quote(value.encode("utf-8", "replace"), safe="")
    if len(text) <= LINE - 30:
        return f";\r\n {name}*=utf-8''{text}"
    pieces, at = [], 0
    while at < len(text):
        # an escape must not be cut in two
        cut = text.rfind("%", at + _PIECE - 2, at + _PIECE)
        end = cut if cut > at and at + _PIECE < len(text) else at + _PIECE
        pieces.append(text[at:end])
        at = end
    first = f";\r\n {name}*0*=utf-8''{pieces[0]}"
    return first + "".join(f";\r\n {name}*{n}*={piece}" for n, piece in enumerate(pieces[1:], 1))
