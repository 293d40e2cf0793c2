"""Bytes of any charset to text."""

from __future__ import annotations

import codecs

# what is labelled so is what Windows and the web take it for
_TAKEN_FOR = {
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "unicode-1-1-utf-7": "utf-7",
    "utf8": "utf-8",
    "default": "utf-8",
}


def to_text(data: bytes, charset: str | None) -> tuple[str, bool]:
    """Decode bytes.

    :param charset: as it is named in the message; ``None`` is US-ASCII, for which UTF-8 is taken.
    :returns: the text, and whether there was a problem: a charset that is unknown, or bytes that are not of it.
    """
    name = (charset or "utf-8").strip().lower()
    codec = _codec(_TAKEN_FOR.get(name, name))
    if codec is None:
        return _guessed(data), True
    try:
        return str(codecs.decode(data, codec)), False
    except (UnicodeError, ValueError):
        pass
    if codec == "cp1252":
        # a few of its bytes mean nothing; as Latin-1 each byte means something
        return data.decode("latin-1"), False
    if codec == "utf-8":
        return _guessed(data), True
    return data.decode(codec, "replace"), True


def _codec(name: str) -> str | None:
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    # zlib, base64 and the like are codecs too, and must not be run by a message
    return name if getattr(found, "_is_text_encoding", True) and found.name not in _REFUSED else None


_REFUSED = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})


def _guessed(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    replaced = data.decode("utf-8", "replace")
    # mostly UTF-8 with damage stays so; anything else is likelier of one byte a character
    return replaced if replaced.count("\ufffd") * 20 < len(replaced) else data.decode("cp1252", "replace")
