"""RFC 8291: what is encrypted for a client's keys, only that client reads."""

from __future__ import annotations

import base64
import os
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from jmapd.protocol.encryption import MAX_MESSAGE, RECORD_SIZE, Keys, encrypt, encrypt_with

CURVE = ec.SECP256R1()


def octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.replace(" ", "") + "==")


def text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(octets(text), "big"), CURVE)


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def digest(key: bytes, data: bytes) -> bytes:
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(data)
    return mac.finalize()


def decrypt(message: bytes, key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """As a client does, with RFC 5869's two steps by hand as RFC 8291 section 3.4 writes them."""
    salt, size, length, theirs, sealed = message[:16], message[16:20], message[20], message[21:86], message[86:]
    assert (int.from_bytes(size, "big"), length) == (RECORD_SIZE, 65)
    secret = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, theirs))
    shared = digest(digest(auth, secret), b"WebPush: info\0" + public(key) + theirs + b"\x01")
    mixed = digest(salt, shared)
    content_key = digest(mixed, b"Content-Encoding: aes128gcm\0\x01")[:16]
    nonce = digest(mixed, b"Content-Encoding: nonce\0\x01")[:12]
    opened = AESGCM(content_key).decrypt(nonce, sealed, None)
    # no padding, and the delimiter of the last record (RFC 8188 section 2)
    assert opened.endswith(b"\x02")
    return opened[:-1]


CLIENT = ec.generate_private_key(CURVE)
AUTH = os.urandom(16)
KEYS = Keys.of_json({"p256dh": text(public(CLIENT)), "auth": text(AUTH)})


def test_rfc8291_5_the_example() -> None:
    keys = Keys.of_json(
        {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        }
    )
    sender, salt = private("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), octets("DGv6ra1nlYgDCS1FRnbzlw")
    message = b"When I grow up, I want to be a watermelon"
    assert text(encrypt_with(keys, message, sender, salt)) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
        "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
        "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    receiver = private("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
    assert decrypt(encrypt(keys, message), receiver, octets("BTBZMqHH6r4Tts7J_aSIgg")) == message


@given(st.binary(max_size=MAX_MESSAGE))
def test_rfc8291_3_the_client_reads_what_was_sent(message: bytes) -> None:
    assert decrypt(encrypt(KEYS, message), CLIENT, AUTH) == message


def test_rfc8291_3_1_nobody_else_does_and_no_two_are_the_same() -> None:
    sent = encrypt(KEYS, b"message")
    with pytest.raises(InvalidTag):
        decrypt(sent, CLIENT, os.urandom(16))
    again = encrypt(KEYS, b"message")
    assert sent[:16] != again[:16]
    assert sent[21:86] != again[21:86]


def test_rfc8291_4_a_message_is_one_record() -> None:
    assert len(encrypt(KEYS, b"x" * MAX_MESSAGE)) == RECORD_SIZE
    with pytest.raises(ValueError, match="at most 3993 octets"):
        encrypt(KEYS, b"x" * (MAX_MESSAGE + 1))


POINT = text(public(CLIENT))
GOOD = {"p256dh": POINT, "auth": text(AUTH)}


def test_padding_may_be_there() -> None:
    padded = {"p256dh": POINT + "=", "auth": GOOD["auth"] + "=="}
    assert Keys.of_json(padded) == KEYS


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"auth": GOOD["auth"]},
        {**GOOD, "more": ""},
        {**GOOD, "auth": 1},
        {**GOOD, "auth": ""},
        {**GOOD, "auth": text(b"x" * 15)},
        {**GOOD, "auth": text(b"x" * 17)},
        {**GOOD, "auth": GOOD["auth"][:-1] + "+"},
        {**GOOD, "auth": "A"},
        {**GOOD, "p256dh": ""},
        {**GOOD, "p256dh": text(b"\x04" + b"\x00" * 64)},
        {**GOOD, "p256dh": text(b"\x04" + b"\x01" * 64)},
        {**GOOD, "p256dh": text(octets(POINT)[:-1])},
        {**GOOD, "p256dh": text(CLIENT.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint))},
    ],
)
def test_keys_that_nothing_can_be_encrypted_for_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        Keys.of_json(value)


def test_keys_are_not_shown() -> None:
    assert repr(KEYS) == "Keys()"
