"""What POSTs need before any is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from jmapd.observe.metrics import Metrics
from jmapd.push.outward import Allowed
from jmapd.push.post import Poster


def test_certificates_that_cannot_be_read_are_named_and_keep_no_server_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    poster = Poster(Clock(), 10, Allowed(), Metrics())
    with capturedLogs() as events:
        poster.start()
    (line,) = map(formatEvent, events)
    assert str(bundle) in line
