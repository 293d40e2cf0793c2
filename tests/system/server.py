"""A whole jmapd, as an operator starts it: twistd, real TLS on a free port, jmapctl beside it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Coroutine, Sequence
from functools import cache
from pathlib import Path
from queue import Empty, Queue
from typing import Any, TypeVar

import orjson
import requests
from websockets.asyncio.client import ClientConnection, connect

BIN = Path(sys.executable).parent
PASSWORD = "correct horse"
USER = "anna@localhost"
START_SECONDS = 60

Result = TypeVar("Result")

CONFIGURATION = """
[server]
data-dir = "{data_dir}"
{settings}
[server.listener.https]
endpoint = "tcp:{port}:interface=127.0.0.1"
[jmap.web-sockets]
throttle = "{throttle}"
timeout = "10m"
heartbeat = "1m"
{more}
"""


class Server:
    """One server on a data directory of its own.

    :param folder: for the configuration and the data.
    :param more: further tables of the configuration.
    :param settings: further lines in its first table, ``[server]``.
    :param within: a command that runs another one, such as in another mount namespace.
    """

    def __init__(
        self, folder: Path, throttle: str = "1s", more: str = "", settings: str = "", within: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.within = within
        self.data_dir = self.seen_data_dir = folder / "data"
        """Where it is, and where it is seen by who is not within."""
        self.configuration = folder / "jmapd.toml"
        self.throttle, self.more, self.settings = throttle, more, settings
        self.url = ""
        self.process: subprocess.Popen[str] | None = None
        self.log: list[str] = []
        self._lines: Queue[str | None] = Queue()
        self._configure(0)

    def _configure(self, port: int) -> None:
        text = CONFIGURATION.format(
            data_dir=self.data_dir, port=port, throttle=self.throttle, more=self.more, settings=self.settings
        )
        self.configuration.write_text(text)

    def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        command = [
            *self.within,
            str(BIN / "twistd"),
            "--nodaemon",
            "--pidfile=",
            "jmapd",
            "--config",
            str(self.configuration),
        ]
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._lines = Queue()
        threading.Thread(target=self._follow, args=(self.process, self._lines), daemon=True).start()
        self.url = self.wait_for(r'jmapd is ready: ([^\s"]+)', START_SECONDS)[1]
        # the same port again after a restart, for clients that come back
        self._configure(int(self.url.rpartition(":")[2]))

    def _follow(self, process: subprocess.Popen[str], lines: Queue[str | None]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.log.append(line)
            lines.put(line)
        lines.put(None)

    def wait_for(self, pattern: str, seconds: float) -> re.Match[str]:
        """Wait for a line of the log."""
        while True:
            try:
                line = self._lines.get(timeout=seconds)
            except Empty:
                line = None
            if line is None:
                raise AssertionError(f"the server did not say {pattern!r}:\n" + "".join(self.log[-50:]))
            if match := re.search(pattern, line):
                return match

    def stop(self) -> bool:
        """End it as systemd does; whether it ended well. Twisted ends by the very signal, which systemd takes for well."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30) in (0, -signal.SIGTERM)

    def reload(self, more: str = "", settings: str = "") -> None:
        """Change the configuration, and have it read again; the log tells when that is done."""
        self.more, self.settings = more, settings
        self._configure(int(self.url.rpartition(":")[2]))
        self.hang_up()

    def hang_up(self) -> None:
        """Have it read again what it can, as systemd's reload does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """End it, and its workers with it, as a power failure does for processes."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def jmapctl(self, *arguments: str, input: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run jmapctl with the server's configuration."""
        command = [*self.within, str(BIN / "jmapctl"), "--config", str(self.configuration), *arguments]
        return subprocess.run(
            command, input=input, capture_output=True, text=True, check=check, cwd=self.folder, env=os.environ
        )

    def add_account(self, name: str = USER, password: str = PASSWORD) -> None:
        """Make an account."""
        self.jmapctl("account", "add", name, "--password-stdin", input=password + "\n")

    @property
    def certificate(self) -> str:
        """The path of the server's certificate."""
        named = re.search(r'^certificate = "(.+)"', self.more, re.MULTILINE)
        return named[1] if named else str(self.seen_data_dir / "tls" / "certificate.pem")

    def http(self, user: str = USER, password: str = PASSWORD) -> requests.Session:
        """An HTTP client that is logged in and trusts the server's certificate."""
        client = requests.Session()
        client.auth = (user, password)
        client.verify = self.certificate
        # else a bundle that the environment names would be trusted in its place
        client.trust_env = False
        return client

    def socket(
        self, user: str = USER, password: str = PASSWORD, trust: Path | None = None, token: str | None = None
    ) -> Socket:
        """A JMAP WebSocket.

        :param trust: the certificate's path, if it is not the server's own.
        :param token: to be used in place of user and password.
        """
        context = ssl.create_default_context(cafile=trust or self.certificate)
        credentials = b64encode(f"{user}:{password}".encode()).decode()
        authorization = f"Basic {credentials}" if token is None else f"Bearer {token}"
        return Socket(
            Connection(
                "wss" + self.url.removeprefix("https") + "/jmap/ws",
                ssl=context,
                subprotocols=["jmap"],
                additional_headers={"Authorization": authorization},
                compression=None,
                max_size=None,
                open_timeout=60,
            )
        )


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """The event loop of all connections, in a thread of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def _wait(coroutine: Coroutine[Any, Any, Result], seconds: float = 60) -> Result:
    return asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, seconds), _loop()).result()


class Connection:
    """A WebSocket whose calls block.

    The client in ``websockets.sync`` reads and writes in two threads, which corrupts the memory of a TLS connection
    (python/cpython#151508); that of asyncio does not.
    """

    def __init__(self, url: str, **options: Any) -> None:
        async def opened() -> ClientConnection:
            return await connect(url, **options)

        self._connection = _wait(opened())

    def send(self, message: str | list[str]) -> None:
        """Send a message, or one in fragments."""
        _wait(self._connection.send(message))

    def recv(self, timeout: float) -> str | bytes:
        """The next message; ConnectionClosed when there will be none, TimeoutError after these seconds."""
        return _wait(self._connection.recv(), timeout)

    def close(self) -> None:
        """Close it, with the closing handshake."""
        _wait(self._connection.close())


class Socket:
    """A JMAP client over one WebSocket: requests answered by id, pushes kept."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.pushes: list[dict[str, Any]] = []
        self._number = 0

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        self.connection.send(orjson.dumps(message).decode())

    def receive(self, seconds: float = 20) -> dict[str, Any]:
        """The next message."""
        message: dict[str, Any] = orjson.loads(self.connection.recv(timeout=seconds))
        return message

    def request(self, *calls: tuple[str, dict[str, Any], str], using: tuple[str, ...] = ()) -> list[Any]:
        """Send a Request and wait for its methodResponses.

        :param using: capabilities beside Core and Mail.
        """
        self._number += 1
        id = f"r{self._number}"
        all_used = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", *using]
        self.send({"@type": "Request", "id": id, "using": all_used, "methodCalls": calls})
        while True:
            message = self.receive()
            if message["@type"] == "StateChange":
                self.pushes.append(message)
                continue
            assert message["requestId"] == id, message
            assert message["@type"] == "Response", message
            found: list[Any] = message["methodResponses"]
            return found

    def push(self, seconds: float = 20) -> dict[str, Any]:
        """The next StateChange."""
        if self.pushes:
            return self.pushes.pop(0)
        message = self.receive(seconds)
        assert message["@type"] == "StateChange", message
        return message

    def enable(self, push_state: str | None = None, types: list[str] | None = None) -> None:
        """Ask for pushes."""
        message: dict[str, Any] = {"@type": "WebSocketPushEnable", "dataTypes": types}
        if push_state is not None:
            message["pushState"] = push_state
        self.send(message)

    def close(self) -> None:
        """Close the socket."""
        self.connection.close()
