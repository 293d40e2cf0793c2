"""Messages that a push service passes on and cannot read (RFC 8291, with the content coding of RFC 8188)."""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import Any, Self

import attrs
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD_SIZE = 4096
"""Octets of a record; a message is one alone (RFC 8291 section 4)."""

MAX_MESSAGE = RECORD_SIZE - 103
"""Octets of a message: what push services must take is 4,096 with the header, the padding and the tag (RFC 8291 section 4)."""

_CURVE = ec.SECP256R1()
_AUTH_LENGTH = 16
_SALT_LENGTH = 16
_LAST_RECORD = b"\x02"
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]*={0,2}\Z")


@attrs.frozen
class Keys:
    """A client's keys, as it made them for its PushSubscription (RFC 8620 section 7.2).

    :param public: the P-256 point, uncompressed: 65 octets.
    :param auth: the authentication secret: 16 octets.
    """

    public: bytes = attrs.field(repr=False)
    auth: bytes = attrs.field(repr=False)

    @classmethod
    def of_json(cls, value: Any) -> Self:
        """Read the property ``keys``.

        :raises ValueError: where nothing can be encrypted for them.
        """
        if not isinstance(value, dict) or value.keys() != {"p256dh", "auth"}:
            raise ValueError("keys must have p256dh and auth, and nothing else.")
        keys = cls(_decoded(value["p256dh"]), _decoded(value["auth"]))
        if len(keys.auth) != _AUTH_LENGTH:
            raise ValueError(f"auth must be {_AUTH_LENGTH} octets.")
        keys.point()
        return keys

    def point(self) -> ec.EllipticCurvePublicKey:
        """The public key.

        :raises ValueError: where it is no uncompressed point of the curve.
        """
        # compressed ones would do for the curve, but RFC 8291 has them as they are sent
        if self.public[:1] != b"\x04":
            raise ValueError("p256dh must be an uncompressed point.")
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, self.public)


def encrypt(keys: Keys, message: bytes) -> bytes:
    """Encrypt a message, with the content coding ``aes128gcm``.

    Some 0.2 ms of work: nothing for a thread that others wait for.

    :param message: `MAX_MESSAGE` octets at most.
    :raises ValueError: where it is longer.
    """
    return encrypt_with(keys, message, ec.generate_private_key(_CURVE), os.urandom(_SALT_LENGTH))


def encrypt_with(keys: Keys, message: bytes, private: ec.EllipticCurvePrivateKey, salt: bytes) -> bytes:
    """The same with a key pair and a salt that are given; neither may be used twice."""
    if len(message) > MAX_MESSAGE:
        raise ValueError(f"A message has at most {MAX_MESSAGE} octets.")
    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secret = private.exchange(ec.ECDH(), keys.point())
    shared = _derived(keys.auth, secret, b"WebPush: info\0" + keys.public + public, 32)
    key = _derived(salt, shared, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(salt, shared, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD_SIZE.to_bytes(4, "big") + bytes([len(public)]) + public
    return header + AESGCM(key).encrypt(nonce, message + _LAST_RECORD, None)


def _derived(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def _decoded(text: Any) -> bytes:
    """URL-safe base64, with or without its padding (RFC 4648 section 5)."""
    if not isinstance(text, str) or not _URL_SAFE.match(text):
        raise ValueError("keys are in URL-safe base64.")
    bare = text.rstrip("=")
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error:
        raise ValueError("keys are in URL-safe base64.") from None
