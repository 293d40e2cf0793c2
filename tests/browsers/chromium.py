"""A headless Chromium, driven by its DevTools protocol: it navigates, runs a page's script, and tells what it sent."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.sync.client import connect

SECONDS = 60
"""For whatever the browser is asked to do."""

_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --remote-debugging-port=0"
).split()


def pin(certificate: Path) -> str:
    """What makes Chromium trust a certificate: the digest of its public key."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()


class Chromium:
    """One browser process.

    :param profile: a folder of its own.
    :param certificate: the one that it trusts.
    :param flags: further ones.
    """

    def __init__(self, profile: Path, certificate: Path, *flags: str) -> None:
        command = shutil.which("chromium")
        if command is None:
            pytest.fail("These tests run a real browser: install Chromium (Debian: apt install chromium).")
        trust = f"--ignore-certificate-errors-spki-list={pin(certificate)}"
        self._process = subprocess.Popen(
            [command, *_FLAGS, *flags, f"--user-data-dir={profile}", trust, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._said: Queue[str | None] = Queue()
        threading.Thread(target=self._follow, daemon=True).start()
        self._open = ExitStack()
        self._devtools = self._open.enter_context(
            connect(self._address(), max_size=None, open_timeout=SECONDS, compression=None)
        )
        self._number = 0
        self._events: list[dict[str, Any]] = []

    def _follow(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.put(line)
        self._said.put(None)

    def _address(self) -> str:
        said: list[str] = []
        while True:
            try:
                line = self._said.get(timeout=SECONDS)
            except Empty:
                line = None
            if line is None:
                self.stop()
                raise AssertionError("Chromium did not start:\n" + "".join(said))
            said.append(line)
            if match := re.search(r"DevTools listening on (ws://\S+)", line):
                return match[1]

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Ask the browser, or a page of it; what happens meanwhile is kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._devtools.send(json.dumps(message if session is None else {**message, "sessionId": session}))
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found
            self._events.append(answer)

    def event(self, method: str, session: str) -> dict[str, Any]:
        """The next event of a kind on a page, which may have come already."""
        while True:
            for event in self._events:
                if event.get("method") == method and event.get("sessionId") == session:
                    self._events.remove(event)
                    found: dict[str, Any] = event["params"]
                    return found
            self._events.append(self._receive())

    def seen(self, method: str, session: str) -> list[dict[str, Any]]:
        """All events of a kind that have come from a page."""
        return [one["params"] for one in self._events if (one.get("method"), one.get("sessionId")) == (method, session)]

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._devtools.recv(timeout=SECONDS))
        return message

    def page(self, url: str) -> Page:
        """Open a page, in a context that shares nothing with those of others."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, context)
        page.go(url)
        return page

    def stop(self) -> None:
        """End it, with all its processes."""
        self._open.close()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(SECONDS)


class Page:
    """A page of a browser."""

    def __init__(self, browser: Chromium, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._context = context
        for domain in ("Page", "Network"):
            self._call(f"{domain}.enable")
        # the server's own page is made for no scripts; these stand for a web client's, which would come with it
        self._call("Page.setBypassCSP", enabled=True)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)

    def go(self, url: str) -> None:
        """Navigate, and wait until it is there."""
        failed = self._call("Page.navigate", url=url).get("errorText")
        assert failed is None, f"{url}: {failed}"
        self._browser.event("Page.loadEventFired", self._session)

    def run(self, function: str, *arguments: Any) -> Any:
        """Call a JavaScript function, wait for its promise; its result, or what it has thrown as an AssertionError."""
        expression = f"({function})(...{json.dumps(arguments)})"
        done = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            details = done["exceptionDetails"]
            raise AssertionError(details.get("exception", {}).get("description", details["text"]))
        return done["result"].get("value")

    @property
    def protocol(self) -> str:
        """What the page came by: ``http/1.1`` or ``h2``."""
        found: str = self.run('() => performance.getEntriesByType("navigation")[0].nextHopProtocol')
        return found

    def preflights(self) -> list[str]:
        """The URLs of the preflights that were sent, not answered from the browser's memory."""
        sent = self._browser.seen("Network.requestWillBeSent", self._session)
        return [one["request"]["url"] for one in sent if one["request"]["method"] == "OPTIONS"]

    def handshakes(self) -> list[int]:
        """The status of each WebSocket handshake that was answered."""
        answered = self._browser.seen("Network.webSocketHandshakeResponseReceived", self._session)
        return [one["response"]["status"] for one in answered]

    def close(self) -> None:
        """Close it, and forget all that it knew."""
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)
