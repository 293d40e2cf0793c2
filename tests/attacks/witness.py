"""An honest client on a connection of its own, which looks whether it is served while others attack."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from tests.system.server import PASSWORD, USER, Server

DEADLINE = 2.0
"""Seconds in which each answer must come: twice what the slowest takes here, where attacker, client and server share two
cores; `bench` tells how long they really take."""

GROWTH = 150 * 1024 * 1024
"""Octets that the front may grow by; what the attacks are after is several times as much."""

PAUSE = 0.02

ECHO = orjson.dumps({"using": ["urn:ietf:params:jmap:core"], "methodCalls": [["Core/echo", {"a": 1}, "0"]]})
CREDENTIALS = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
"""Those of the attacker, where one has an account."""

HONEST = "boris@localhost"
OTHER = b64encode(f"{HONEST}:{PASSWORD}".encode()).decode()


def memory(server: Server) -> int:
    """The octets that the front occupies."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


class Witness:
    """Asks one thing after another.

    :param source: the address that it comes from.
    :ivar times: seconds that each answer took.
    """

    def __init__(self, server: Server, credentials: str = OTHER, source: str = "127.0.0.1") -> None:
        self.times: list[float] = []
        self._headers = {"Content-Type": "application/json", "Authorization": f"Basic {credentials}"}
        context = ssl.create_default_context(cafile=server.certificate)
        port = int(server.url.rpartition(":")[2])
        self._connection = http.client.HTTPSConnection(
            "localhost", port, context=context, timeout=20, source_address=(source, 0)
        )

    def ask(self) -> float:
        """One Request; the seconds that its answer took."""
        began = time.monotonic()
        self._connection.request("POST", "/jmap/api/", ECHO, self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        self.times.append(time.monotonic() - began)
        return self.times[-1]

    def close(self) -> None:
        self._connection.close()


@contextmanager
def unharmed(server: Server, growth: int = GROWTH, credentials: str = OTHER) -> Iterator[Witness]:
    """Whatever is done inside, an honest client has its answers in time, and the server's memory is bounded."""
    witness = Witness(server, credentials)
    witness.ask()
    before = memory(server)
    over = threading.Event()
    failures: list[BaseException] = []

    def asks() -> None:
        try:
            while not over.wait(PAUSE):
                witness.ask()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=asks, daemon=True)
    thread.start()
    try:
        yield witness
    finally:
        over.set()
        thread.join(30)
        witness.close()
    assert not failures, failures
    slowest = sorted(witness.times)[-3:]
    assert slowest[-1] < DEADLINE, slowest
    assert memory(server) - before < growth
    # it serves those who come after
    late = Witness(server, credentials)
    slowest.append(late.ask())
    late.close()
    assert slowest[-1] < DEADLINE, slowest
