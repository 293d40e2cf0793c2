"""The certificate: made, renewed, read again, and what TLS is spoken with it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.protocols.tls import TLSMemoryBIOFactory

from jmapd.web.certificates import LOOK, RENEW, VALID, Certificates, load, self_signed
from tests.inreactor import run

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_a_self_signed_certificate_is_for_localhost_and_private(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path / "tls", "mail.example", NOW)
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "mail.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o700


def test_it_is_kept_and_renewed_before_its_end(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path, "localhost", NOW)
    first = certificate.read_bytes()
    self_signed(tmp_path, "localhost", NOW + VALID - RENEW - timedelta(seconds=1))
    assert certificate.read_bytes() == first
    self_signed(tmp_path, "localhost", NOW + VALID - RENEW + timedelta(seconds=1))
    assert certificate.read_bytes() != first


@pytest.mark.parametrize("spoilt", ["certificate.pem", "key.pem"])
def test_a_file_that_was_lost_or_spoilt_is_made_again(spoilt: str, tmp_path: Path) -> None:
    paths = self_signed(tmp_path, "localhost", NOW)
    (tmp_path / spoilt).unlink()
    self_signed(tmp_path, "localhost", NOW)
    load(*paths)


def _with_passphrase(key: Path) -> None:
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    key.write_bytes(pem)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda certificate, key: certificate.write_bytes(b"nonsense"),
            "certificate: {certificate} must hold an X.509 certificate in PEM",
        ),
        (
            lambda certificate, key: key.write_bytes(b"nonsense"),
            "private-key: {key} must hold an unencrypted private key in PEM",
        ),
        (lambda certificate, key: key.unlink(), "private-key: {key}: No such file or directory"),
        (
            lambda certificate, key: key.write_bytes(
                self_signed(key.parent / "other", "localhost", NOW)[1].read_bytes()
            ),
            "private-key: {key} is not the key of the certificate in {certificate}",
        ),
        (
            lambda certificate, key: _with_passphrase(key),
            "private-key: {key} must hold an unencrypted private key in PEM",
        ),
    ],
)
def test_what_cannot_be_used_is_said_in_words(spoil: Callable[[Path, Path], None], said: str, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "localhost", NOW)
    spoil(certificate, key)
    with pytest.raises(ValueError, match="server") as raised:
        load(certificate, key)
    assert str(raised.value) == "server.tls." + said.format(certificate=certificate, key=key)


class Served:
    """A TLS port with certificates that change."""

    def __init__(self, folder: Path) -> None:
        self.paths = self_signed(folder, "localhost", NOW)
        self.certificates = Certificates(reactor, *self.paths)
        self.certificates.load_now()
        factory = TLSMemoryBIOFactory(cast(Any, self.certificates), False, Factory.forProtocol(Protocol))
        self.port = cast(Any, reactor).listenTCP(0, factory, interface="127.0.0.1")

    async def seen(self, version: ssl.TLSVersion | None = None) -> bytes:
        """The certificate that a new client is shown."""
        return cast(bytes, await deferToThread(self._seen, version))

    def _seen(self, version: ssl.TLSVersion | None) -> bytes:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if version is not None:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
        address = ("127.0.0.1", self.port.getHost().port)
        with socket.create_connection(address, timeout=20) as plain, context.wrap_socket(plain) as secure:
            return secure.getpeercert(binary_form=True) or b""

    def replace(self) -> None:
        self_signed(self.paths[0].parent, "localhost", NOW + VALID)


def serving(test: Any) -> Any:
    def started(tmp_path: Path) -> None:
        async def whole() -> None:
            served = Served(tmp_path)
            try:
                await test(served)
            finally:
                await served.port.stopListening()

        run(whole())

    started.__name__ = test.__name__
    return started


@serving
async def test_rfc8887_5_1_tls_1_2_at_least(served: Served) -> None:
    assert await served.seen(ssl.TLSVersion.TLSv1_2)
    assert await served.seen(ssl.TLSVersion.TLSv1_3)
    with pytest.raises(ssl.SSLError):
        await served.seen(ssl.TLSVersion.TLSv1_1)


@serving
async def test_new_files_are_taken_for_new_connections(served: Served) -> None:
    first = await served.seen()
    await served.certificates.look()
    assert await served.seen() == first
    served.replace()
    assert await served.seen() == first
    await served.certificates.look()
    assert await served.seen() != first


@serving
async def test_broken_files_leave_the_old_certificate_and_mended_ones_are_taken(served: Served) -> None:
    first = await served.seen()
    good = served.paths[1].read_bytes()
    served.paths[1].write_bytes(b"half of a k")
    await served.certificates.reload()
    await served.certificates.look()
    assert await served.seen() == first
    served.paths[1].write_bytes(good)
    served.replace()
    await served.certificates.look()
    assert await served.seen() != first


def test_the_files_are_looked_at_again_and_again(tmp_path: Path) -> None:
    looked: list[float] = []

    class Looking(Certificates):
        def look(self) -> Any:
            looked.append(clock.seconds())

    clock = Clock()
    looking = Looking(clock, tmp_path, tmp_path)
    looking.startService()
    clock.pump([LOOK / 2] * 6)
    looking.stopService()
    assert looked == [LOOK, 2 * LOOK, 3 * LOOK]
