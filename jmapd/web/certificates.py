"""The server's certificate: configured or made here, and renewed without dropping a connection."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL, crypto
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from jmapd.observe.clock import time_of_day

LOOK = 30.0
"""Seconds between two looks at the files."""

VALID = timedelta(days=825)
RENEW = timedelta(days=30)

HTTP1 = (b"http/1.1",)
HTTP2 = (b"h2", b"http/1.1")
"""What a client can choose of, by ALPN."""

CERTIFICATE, PRIVATE_KEY = "server.tls.certificate", "server.tls.private-key"
"""What the configuration calls the files."""

_log = Logger()


def self_signed(folder: Path, hostname: str, now: datetime) -> tuple[Path, Path]:
    """The paths of a certificate and a key for localhost, which are made where they are missing or old.

    :param folder: made for its owner alone.
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if _is_good(certificate, now) and key.exists():
        return certificate, key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    names: list[x509.GeneralName] = [x509.DNSName(one) for one in dict.fromkeys(("localhost", hostname))]
    names += [x509.IPAddress(ipaddress.ip_address(one)) for one in ("127.0.0.1", "::1")]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    _write(key, _key_bytes(private))
    _write(certificate, signed.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _is_good(certificate: Path, now: datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return False
    return found.not_valid_after_utc - now > RENEW


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        # an older file keeps the mode it has
        os.fchmod(file.fileno(), 0o600)
        file.write(data)


def _private(pem: bytes) -> Any:
    """A private key; one with a passphrase is an error, and nobody is asked for it."""
    return serialization.load_pem_private_key(pem, password=None)


def load(certificate: Path, key: Path, protocols: Sequence[bytes] = HTTP1) -> CertificateOptions:
    """Read a certificate with its chain, and its key.

    :param protocols: what is offered by ALPN (RFC 7301), the best first.
    :raises ValueError: where they cannot be used, in words for an operator.
    """
    chain = _read(CERTIFICATE, certificate, "an X.509 certificate", x509.load_pem_x509_certificates)
    private = _read(PRIVATE_KEY, key, "an unencrypted private key", _private)
    if _public(chain[0]) != _public(private):
        raise ValueError(f"{PRIVATE_KEY}: {key} is not the key of the certificate in {certificate}")
    try:
        first, *others = [crypto.X509.from_cryptography(one) for one in chain]
        options = CertificateOptions(
            privateKey=crypto.PKey.from_cryptography_key(private),
            certificate=first,
            extraCertChain=others,
            raiseMinimumTo=TLSVersion.TLSv1_2,
            acceptableProtocols=list(protocols),
        )
        options.getContext().check_privatekey()
    except (ValueError, TypeError, SSL.Error, crypto.Error) as error:
        raise ValueError(f"{CERTIFICATE}: {certificate} cannot be used: {error}") from None
    return options


def _read(setting: str, path: Path, what: str, read: Callable[[bytes], Any]) -> Any:
    try:
        return read(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{setting}: {path}: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(f"{setting}: {path} must hold {what} in PEM") from None


def _public(holder: Any) -> bytes:
    """The public key in a certificate, or of a private one."""
    found: bytes = holder.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return found


@implementer(IOpenSSLServerConnectionCreator)
class Certificates(Service):
    """The present certificate, as TLS listeners ask for it.

    :param reactor: tells the time and has threads for the files.
    :param certificate: the PEM file with the chain.
    :param protocols: what is offered by ALPN.
    """

    def __init__(self, reactor: Any, certificate: Path, key: Path, protocols: Sequence[bytes] = HTTP1) -> None:
        self._reactor = reactor
        self._protocols = protocols
        self.certificate = certificate
        self._key = key
        self._options: CertificateOptions | None = None
        self._seen: tuple[float, ...] = ()
        self._call = LoopingCall(self.look)
        self._call.clock = reactor

    def load_now(self) -> None:
        """Read the files before anything is served.

        :raises ValueError: where they cannot be used.
        """
        self._seen = self._times()
        self._options = load(self.certificate, self._key, self._protocols)
        self._look_at_dates(self._options)

    def use(self, certificate: Path, key: Path, protocols: Sequence[bytes]) -> None:
        """Take other files from the next look at them on, which `reload` is."""
        self.certificate, self._key, self._protocols = certificate, key, protocols

    def startService(self) -> None:
        """Begin to look at the files."""
        super().startService()
        self._call.start(LOOK, now=False)

    def stopService(self) -> Deferred[None]:
        """Look no more."""
        super().stopService()
        if self._call.running:
            self._call.stop()
        return succeed(None)

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """A new connection with the present certificate; those that are open keep theirs."""
        assert self._options is not None
        return SSL.Connection(self._options.getContext(), None)

    def look(self) -> Deferred[None]:
        """Read the files again if they have changed."""
        return deferToThread(self._times).addCallback(self._changed)

    def reload(self) -> Deferred[None]:
        """Read the files again. Broken ones are logged, and the old certificate stays."""
        loaded = deferToThread(load, self.certificate, self._key, self._protocols)
        return loaded.addCallbacks(self._loaded, self._broken)

    def _times(self) -> tuple[float, ...]:
        try:
            return tuple(path.stat().st_mtime for path in (self.certificate, self._key))
        except OSError:
            return ()

    def _changed(self, times: tuple[float, ...]) -> Any:
        if times == self._seen:
            return None
        self._seen = times
        return self.reload()

    def _loaded(self, options: CertificateOptions) -> None:
        self._options = options
        self._look_at_dates(options)
        _log.info("the certificate has been read again: {path}", path=self.certificate)

    def _look_at_dates(self, options: CertificateOptions) -> None:
        """Say where clients will refuse it; whether the certificate or the clock is wrong is not known here."""
        assert options.certificate is not None
        found = options.certificate.to_cryptography()
        now = datetime.fromtimestamp(time_of_day(self._reactor), UTC)
        begin, end = found.not_valid_before_utc, found.not_valid_after_utc
        if end < now:
            _log.warn(
                "{path}: the certificate has expired on {end}, and it is {now}", path=self.certificate, end=end, now=now
            )
        elif now < begin:
            _log.warn(
                "{path}: the certificate is valid from {begin} on, and it is {now}",
                path=self.certificate,
                begin=begin,
                now=now,
            )

    def _broken(self, failure: Failure) -> None:
        failure.trap(ValueError)
        _log.error("the old certificate stays: {why}", why=failure.getErrorMessage())
