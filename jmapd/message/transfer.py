"""Content-Transfer-Encodings undone (RFC 2045 section 6), whole or piece by piece. Nothing here refuses anything."""

from __future__ import annotations

import binascii
import re

_KNOWN = frozenset({"", "7bit", "8bit", "binary", "quoted-printable", "base64"})
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64 + b"="))
_PADDING = re.compile(rb"=+")


def encoding_named(field: str | None) -> str:
    """The encoding that a Content-Transfer-Encoding field names, in lower case; empty where there is none.

    :param field: its Raw value.
    """
    return (field or "").partition(";")[0].strip().lower()


def is_known(field: str | None) -> bool:
    """Whether a Content-Transfer-Encoding field names an encoding that there is (RFC 2045 section 6.1).

    :param field: its Raw value.
    """
    return encoding_named(field) in _KNOWN


def decode(encoded: bytes, encoding: str) -> bytes:
    """The decoded bytes.

    :param encoding: ``identity``, ``quoted-printable`` or ``base64``.
    """
    if encoding == "base64":
        return _base64(encoded)
    return binascii.a2b_qp(encoded) if encoding == "quoted-printable" else encoded


def decode_chunk(encoded: bytes, encoding: str, final: bool) -> tuple[bytes, int]:
    """Decode as much as can be decoded before more is there.

    :param final: whether nothing comes after.
    :returns: the decoded bytes, and how many encoded ones they were made of; the others are to be given again, with
        what follows them. The pieces together are what `decode` makes of the whole. Damaged bytes may be so damaged
        that none of a piece can be decoded alone: a longer one is to be given then.
    """
    if final or encoding == "identity":
        return decode(encoded, encoding), len(encoded)
    cut = _quantum_end(encoded) if encoding == "base64" else _line_end(encoded)
    return decode(encoded[:cut], encoding), cut


def _base64(encoded: bytes) -> bytes:
    clean = encoded.translate(None, _NOT_BASE64)
    return b"".join(_segment(one) for one in _PADDING.split(clean))


def _segment(characters: bytes) -> bytes:
    left = len(characters) % 4
    if left == 1:
        characters, left = characters[:-1], 0
    return binascii.a2b_base64(characters + b"=" * (-left % 4))


def _quantum_end(encoded: bytes) -> int:
    """Where the last whole group of four characters ends."""
    clean = encoded.translate(None, _NOT_BASE64)
    left = len(clean[clean.rfind(b"=") + 1 :]) % 4
    at = len(encoded)
    while left:
        at -= 1
        left -= encoded[at] in _BASE64
    return at


def _line_end(encoded: bytes) -> int:
    """Where the last line ends, or where no escape is cut in two."""
    end = encoded.rfind(b"\n") + 1
    if end:
        return end
    escape = encoded.rfind(b"=", -2)
    # a run of them is read in pairs, so it must not be cut either
    while escape > 0 and encoded[escape - 1] == 0x3D:
        escape -= 1
    return escape if escape >= 0 else len(encoded)
