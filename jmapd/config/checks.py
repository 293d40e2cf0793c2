"""What must hold between settings, and between them and the files they name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from jmapd.config import endpoint, table
from jmapd.config.endpoint import Reach
from jmapd.config.mistakes import Key, Mistake
from jmapd.config.reading import Values

_CERTIFICATE: Key = ("server", "tls", "certificate")
_PRIVATE_KEY: Key = ("server", "tls", "private-key")
_URL: Key = ("server", "url")
_OBSERVE: Key = ("observe", "endpoint")
_PUBLIC: Key = ("observe", "public")


def mistakes(values: Values) -> Iterator[Mistake]:
    """All that is wrong with values which are right each by itself."""
    yield from _deadlines(values)
    yield from _heartbeat(values)
    yield from _quota(values)
    yield from _listeners(values)
    yield from _observe(values)
    yield from _url(values)
    yield from _tls_files(values)


def _deadlines(values: Values) -> Iterator[Mistake]:
    soft, hard = ("workers", "soft-deadline"), ("workers", "hard-deadline")
    if values.read[hard] <= values.read[soft]:
        yield _not_longer(values, hard, soft)


def _heartbeat(values: Values) -> Iterator[Mistake]:
    timeout, heartbeat = (*table.WEB_SOCKETS, "timeout"), (*table.WEB_SOCKETS, "heartbeat")
    if values.read[timeout] and values.read[timeout] <= values.read[heartbeat]:
        yield _not_longer(values, timeout, heartbeat)


def _quota(values: Values) -> Iterator[Mistake]:
    upload: Key = ("jmap", "protocol", "upload")
    quota, largest = (*upload, "quota-size"), (*upload, "max-size")
    if values.read[quota] < values.read[largest]:
        yield _less(values, quota, "not be less", largest)


def _not_longer(values: Values, key: Key, other: Key) -> Mistake:
    return _less(values, key, "be longer", other)


def _less(values: Values, key: Key, asked: str, other: Key) -> Mistake:
    default = "" if key in values.said else "which is the default, "
    setting = table.declared(key)
    value = values.said.get(key, setting.default if setting else ...)
    return Mistake(key, value, f"{default}must {asked} than {other[-1]} = {values.written(other)}", (other,))


def _listeners(values: Values) -> Iterator[Mistake]:
    for name in values.listeners:
        at, tls = (*table.LISTENERS, name, "endpoint"), (*table.LISTENERS, name, "tls")
        reach = endpoint.reach(values.read[at])
        if reach is not Reach.NETWORK:
            continue
        if not values.read[tls]:
            yield Mistake(
                tls,
                False,
                f"must be true, or the endpoint on loopback or a unix socket: {values.written(at)} is reached from "
                "the network, and passwords would pass in the clear",
                (at,),
            )
        elif not values.read[_CERTIFICATE]:
            yield Mistake(
                _CERTIFICATE,
                "",
                f"must name a PEM file: the listener {name} at {values.written(at)} is not on loopback, and a "
                "self-signed certificate is for loopback only",
                (at, tls),
            )


def _observe(values: Values) -> Iterator[Mistake]:
    said = values.read[_OBSERVE]
    if said and not values.read[_PUBLIC] and endpoint.reach(said) is Reach.NETWORK:
        yield Mistake(
            _PUBLIC,
            False,
            f"must be true, or the endpoint on loopback or a unix socket: {values.written(_OBSERVE)} is reached from "
            "the network, and whoever reaches it is asked for nothing",
            (_OBSERVE,),
        )


def _url(values: Values) -> Iterator[Mistake]:
    if values.read[_URL]:
        return
    names = values.listeners
    telling = next((name for name in names if values.read[(*table.LISTENERS, name, "tls")]), names[0])
    at = (*table.LISTENERS, telling, "endpoint")
    if endpoint.port(values.read[at]) is None:
        setting = table.declared(_URL)
        allowed = setting.kind.allowed if setting else ""
        yield Mistake(_URL, "", f"must be {allowed}, since {values.written(at)} does not tell a port", (at,))


def _tls_files(values: Values) -> Iterator[Mistake]:
    certificate, key = values.read[_CERTIFICATE], values.read[_PRIVATE_KEY]
    if not certificate and not key:
        return
    if not key:
        yield Mistake(_PRIVATE_KEY, "", "must name the PEM file of the certificate's key")
    elif not certificate:
        yield Mistake(_CERTIFICATE, "", "must name a PEM file, since server.tls.private-key does")
    public = {}
    for at, what, read in _FILES:
        if path := values.read[at]:
            try:
                public[at] = read(Path(path).read_bytes())
            except PermissionError:
                # whoever checks a configuration need not be who may read the key; the server says so when it starts
                continue
            except OSError as error:
                yield Mistake(at, path, f"must be a readable file: {error.strerror}")
            except (ValueError, TypeError, UnsupportedAlgorithm):
                yield Mistake(at, path, f"must hold {what} in PEM")
    if len(public) == len(_FILES) and public[_CERTIFICATE] != public[_PRIVATE_KEY]:
        yield Mistake(_PRIVATE_KEY, key, f"is not the key of the certificate in {certificate}")


def _certified(pem: bytes) -> bytes:
    """The public key of the first certificate."""
    return _octets(x509.load_pem_x509_certificates(pem)[0].public_key())


def _public(pem: bytes) -> bytes:
    """The public key of a private one."""
    return _octets(load_pem_private_key(pem, password=None).public_key())


def _octets(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


_FILES = (
    (_CERTIFICATE, "an X.509 certificate", _certified),
    (_PRIVATE_KEY, "an unencrypted private key", _public),
)
