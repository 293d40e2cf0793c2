"""permessage-deflate (RFC 7692): what is agreed in the handshake, and messages deflated and inflated.

Autobahn has this too; but it takes no window of 8 bits for what it is, lets the server ask for
``client_no_context_takeover`` only where the client has said that it might, and keeps what it needs for a message until
the next one, on every idle connection.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import attrs
from autobahn.exception import PayloadCorruptError, PayloadExceededError

NAME = "permessage-deflate"

MAX_WINDOW_BITS = 15
MIN_WINDOW_BITS = 8
_MIN_DEFLATED = 9
"""What zlib can deflate with, though it inflates 8."""

MAX_FINAL_BLOCKS = 100
"""How many deflate streams a message may consist of; nearly always it is a part of one."""

_MEMORY = 8
_TAIL = b"\x00\x00\xff\xff"

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105  # the grammar's word
_PARAMETER = re.compile(rf'\s*;\s*({_TOKEN})(?:\s*=\s*({_TOKEN}|"(?:[^"\\]|\\.)*"))?')
_EXTENSION = re.compile(rf"\s*({_TOKEN})")
_FLAGS = ("server_no_context_takeover", "client_no_context_takeover")
_WINDOWS = ("server_max_window_bits", "client_max_window_bits")

Offer = dict[str, str | None]
"""The parameters of an offer, ``None`` for one without a value."""


class NotExtensions(ValueError):
    """A Sec-WebSocket-Extensions field is not what RFC 6455 section 9.1 lets it be."""


@attrs.frozen
class Compression:
    """How we compress.

    :param takeover: whether the window is kept from message to message.
    :param window_bits: the largest window, as the logarithm of its octets.
    :param level: zlib's.
    :param min_size: octets of a message below which it is sent as it is.
    :param max_size: octets above which it is too, for the reactor waits meanwhile.
    """

    takeover: bool = False
    window_bits: int = MAX_WINDOW_BITS
    level: int = 1
    min_size: int = 1024
    max_size: int = 1024 * 1024


@attrs.frozen
class Agreement:
    """What the handshake has come to; the four parameters of RFC 7692 section 7.1.

    :param told: the parameters whose values the client must be told.
    """

    server_no_context_takeover: bool
    client_no_context_takeover: bool
    server_max_window_bits: int
    client_max_window_bits: int
    told: frozenset[str]

    def __str__(self) -> str:
        """The value of the answer's Sec-WebSocket-Extensions field."""
        flags = [name for name in _FLAGS if getattr(self, name)]
        windows = [f"{name}={getattr(self, name)}" for name in _WINDOWS if name in self.told]
        return "; ".join((NAME, *flags, *windows))


def offers(values: Iterable[bytes]) -> list[Offer]:
    """The offers of permessage-deflate, in the client's order.

    :param values: of the Sec-WebSocket-Extensions fields.
    :returns: those that RFC 7692 has a meaning for; one with a parameter that it has not is left out (section 7.1).
    :raises NotExtensions: where a value is no list of extensions.
    """
    found = []
    for value in values:
        for name, parameters in _extensions(value.decode("latin-1")):
            offer = dict(parameters)
            if name == NAME and len(offer) == len(parameters) and _is_sound(offer):
                found.append(offer)
    return found


def _extensions(text: str) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    at = 0
    while at < len(text):
        if text[at] in ", \t":
            at += 1
            continue
        match = _EXTENSION.match(text, at)
        if match is None:
            raise NotExtensions
        name, at = match[1], match.end()
        parameters = []
        while (parameter := _PARAMETER.match(text, at)) is not None:
            parameters.append((parameter[1], _unquoted(parameter[2])))
            at = parameter.end()
        rest = text[at:].lstrip(" \t")
        if rest and not rest.startswith(","):
            raise NotExtensions
        yield name, parameters


def _unquoted(value: str | None) -> str | None:
    if value is None or not value.startswith('"'):
        return value
    plain = re.sub(r"\\(.)", r"\1", value[1:-1])
    if not re.fullmatch(_TOKEN, plain):
        raise NotExtensions
    return plain


def _is_sound(offer: Offer) -> bool:
    return all(
        (name in _FLAGS and value is None)
        or (name in _WINDOWS and _bits(value) is not None)
        or (name == "client_max_window_bits" and value is None)
        for name, value in offer.items()
    )


def _bits(value: str | None) -> int | None:
    """A window, which is written without zeros in front (RFC 7692 section 7.1.2)."""
    known = {str(bits): bits for bits in range(MIN_WINDOW_BITS, MAX_WINDOW_BITS + 1)}
    return None if value is None else known.get(value)


def agree(offered: Iterable[Offer], compression: Compression) -> Agreement | None:
    """Take the first offer that can be taken; ``None`` where there is none."""
    return next((_agreement(offer, compression) for offer in offered if _can_take(offer)), None)


def _can_take(offer: Offer) -> bool:
    asked = _bits(offer.get("server_max_window_bits"))
    return asked is None or asked >= _MIN_DEFLATED


def _agreement(offer: Offer, compression: Compression) -> Agreement:
    asked = _bits(offer.get("server_max_window_bits"))
    server = min(asked or MAX_WINDOW_BITS, compression.window_bits)
    client = MAX_WINDOW_BITS
    told = {"server_max_window_bits"} if asked or server < MAX_WINDOW_BITS else set()
    if "client_max_window_bits" in offer:
        # without it the client may not be told to use less
        client = min(_bits(offer["client_max_window_bits"]) or MAX_WINDOW_BITS, compression.window_bits)
        told.add("client_max_window_bits")
    return Agreement(
        server_no_context_takeover="server_no_context_takeover" in offer or not compression.takeover,
        client_no_context_takeover="client_no_context_takeover" in offer or not compression.takeover,
        server_max_window_bits=server,
        client_max_window_bits=client,
        told=frozenset(told),
    )


class Deflate:
    """The messages of one connection; its methods are those that Autobahn calls.

    :param max_size: octets of a message, inflated.
    """

    EXTENSION_NAME = NAME

    def __init__(self, agreement: Agreement, level: int, max_size: int) -> None:
        self._agreement = agreement
        self._level = level
        self.max_size = max_size
        self._deflater: Any = None
        self._inflater: Any = None
        self._inflated = 0
        self._finals = 0

    def __str__(self) -> str:
        """What the log calls it."""
        return str(self._agreement)

    def start_compress_message(self) -> None:
        """A message is to be sent."""
        if self._deflater is None:
            bits = self._agreement.server_max_window_bits
            self._deflater = zlib.compressobj(self._level, zlib.DEFLATED, -bits, _MEMORY)

    def compress_message_data(self, data: bytes) -> bytes:
        """A piece of it."""
        deflated: bytes = self._deflater.compress(data)
        return deflated

    def end_compress_message(self) -> bytes:
        """The rest of it (RFC 7692 section 7.2.1)."""
        deflated: bytes = self._deflater.flush(zlib.Z_SYNC_FLUSH)
        if self._agreement.server_no_context_takeover:
            self._deflater = None
        return deflated.removesuffix(_TAIL)

    def start_decompress_message(self) -> None:
        """A message comes."""
        self._inflated = self._finals = 0
        if self._inflater is None:
            self._inflater = self._new_inflater()

    def _new_inflater(self) -> Any:
        return zlib.decompressobj(-self._agreement.client_max_window_bits)

    def decompress_message_data(self, data: bytes, max_output_len: int | None = None) -> bytes:
        """A piece of it, of which no more is inflated than a message may have.

        :raises PayloadExceededError: where there is more.
        :raises PayloadCorruptError: where it cannot be inflated.
        """
        try:
            inflated = self._inflate(data)
            while self._inflater.eof:
                # a final block (RFC 7692 section 7.2.3.4): what follows it is another stream
                self._finals += 1
                if self._finals > MAX_FINAL_BLOCKS:
                    raise PayloadCorruptError("too many final blocks")
                data, self._inflater = self._inflater.unused_data, self._new_inflater()
                inflated += self._inflate(data)
        except zlib.error as error:
            raise PayloadCorruptError(f"invalid deflate data: {error}") from None
        return inflated

    def _inflate(self, data: bytes) -> bytes:
        inflated = b""
        if self._inflated <= self.max_size:
            # one octet too many shows that there is more; and to zlib 0 means all
            inflated = self._inflater.decompress(data, self.max_size - self._inflated + 1)
            self._inflated += len(inflated)
        if self._inflated > self.max_size:
            raise PayloadExceededError("the message is too large when inflated")
        return inflated

    def end_decompress_message(self) -> None:
        """It is complete (RFC 7692 section 7.2.2)."""
        self.decompress_message_data(_TAIL)
        if self._agreement.client_no_context_takeover:
            self._inflater = None
