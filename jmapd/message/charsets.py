"""Bytes of any charset to text."""

from __future__ import annotations

import codecs
import encodings
import pkgutil
import re
from encodings.aliases import aliases
from functools import cache

MAX_NAME = 100
"""Characters of a charset's name that are looked at."""

_SURROGATE = re.compile("[\ud800-\udfff]")

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
        text = str(codecs.decode(data, codec))
    except (UnicodeError, ValueError):
        pass
    else:
        whole = _SURROGATE.sub("\ufffd", text)
        return whole, whole != text
    if codec == "cp1252":
        # a few of its bytes mean nothing; as Latin-1 each byte means something
        return data.decode("latin-1"), False
    if codec == "utf_8":
        return _guessed(data), True
    return _SURROGATE.sub("\ufffd", data.decode(codec, "replace")), True


def _codec(name: str) -> str | None:
    module = encodings.normalize_encoding(name[:MAX_NAME])
    module = aliases.get(module, module)
    # the standard library remembers each name that it is asked for, so it is asked for no others
    if module in _REFUSED or module not in _modules():
        return None
    try:
        found = codecs.lookup(module)
    except LookupError:
        return None
    # zlib, base64 and the like are codecs too, and must not be run by a message
    return module if getattr(found, "_is_text_encoding", True) else None


@cache
def _modules() -> frozenset[str]:
    """The codecs of the standard library."""
    return frozenset(module.name for module in pkgutil.iter_modules(encodings.__path__))


_REFUSED = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})


def _guessed(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    replaced = data.decode("utf-8", "replace")
    # mostly UTF-8 with damage stays so; anything else is likelier of one byte a character
    return replaced if replaced.count("\ufffd") * 20 < len(replaced) else data.decode("cp1252", "replace")
