"""A load generator for JMAP over WebSocket; README.md says what it measures."""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import os
import ssl
import statistics
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import attrs
from websockets.asyncio.client import ClientConnection, connect

from bench.messages import generated
from bench.workloads import WORKLOADS, Account, Call, set_flag

CORE, MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"
WEBSOCKET = "urn:ietf:params:jmap:websocket"
SUITE_SHAPES = ((1, 1), (4, 8))


@attrs.frozen
class Server:
    """Where the server is and who asks."""

    url: str
    credentials: str
    trust: ssl.SSLContext | None

    def fetch(self, url: str, body: bytes | None = None, media: str = "") -> Any:
        """Fetch JSON over HTTP, or post and fetch."""
        headers = {"Authorization": self.credentials, **({"Content-Type": media} if media else {})}
        request = urllib.request.Request(url, body, headers)
        try:
            with urllib.request.urlopen(request, context=self.trust) as response:
                return json.load(response)
        except urllib.error.URLError as error:
            raise SystemExit(f"{url}: {error}") from None

    def session(self) -> dict[str, Any]:
        """The Session object."""
        found: dict[str, Any] = self.fetch(f"{self.url}/.well-known/jmap")
        return found


class Socket:
    """One WebSocket: Requests by id, pushes to whom asks."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.pushed: asyncio.Queue[float] = asyncio.Queue()
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._ids = itertools.count()
        self._reader = asyncio.create_task(self._read())

    async def ask(self, calls: list[Call]) -> list[Any]:
        """The arguments of each method response."""
        id = str(next(self._ids))
        self._waiting[id] = asyncio.get_running_loop().create_future()
        method_calls = [[name, arguments, str(at)] for at, (name, arguments) in enumerate(calls)]
        message = {"@type": "Request", "id": id, "using": [CORE, MAIL], "methodCalls": method_calls}
        await self.socket.send(json.dumps(message))
        answer = await self._waiting[id]
        if answer["@type"] != "Response" or any(name == "error" for name, _, _ in answer["methodResponses"]):
            raise RuntimeError(json.dumps(answer)[:500])
        return [arguments for _, arguments, _ in answer["methodResponses"]]

    async def enable_push(self) -> None:
        """Ask for pushes, and be sure that it has been heard."""
        await self.socket.send(json.dumps({"@type": "WebSocketPushEnable", "dataTypes": None}))
        await self.ask([("Core/echo", {})])

    async def close(self) -> None:
        """Close it."""
        self._reader.cancel()
        await self.socket.close()

    async def _read(self) -> None:
        async for text in self.socket:
            message = json.loads(text)
            if message["@type"] == "StateChange":
                self.pushed.put_nowait(time.perf_counter())
            else:
                self._waiting.pop(message["requestId"]).set_result(message)


async def open_socket(server: Server, session: dict[str, Any]) -> Socket:
    """Connect as RFC 8887 says."""
    url = session["capabilities"][WEBSOCKET]["url"]
    trust = server.trust if url.startswith("wss:") else None
    headers = {"Authorization": server.credentials}
    socket = await connect(
        url, subprotocols=["jmap"], additional_headers=headers, ssl=trust, max_size=None, compression=None  # type: ignore[list-item]  # a NewType of str
    )  # fmt: skip
    return Socket(socket)


async def read_account(server: Server, session: dict[str, Any], socket: Socket) -> Account:
    """Look the account up."""
    id = session["primaryAccounts"][MAIL]
    mailboxes, found, emails = await socket.ask(
        [
            ("Mailbox/get", {"accountId": id, "properties": ["role"]}),
            (
                "Email/query",
                {"accountId": id, "limit": 500, "sort": [{"property": "receivedAt", "isAscending": False}]},
            ),
            ("Email/get", {"accountId": id, "ids": []}),
        ]
    )
    roles = {one["role"]: one["id"] for one in mailboxes["list"]}
    url = session["uploadUrl"].replace("{accountId}", id)

    def upload(raw: bytes) -> str:
        return str(server.fetch(url, raw, "message/rfc822")["blobId"])

    return Account(id, roles["inbox"], roles.get("drafts", roles["inbox"]), found["ids"], emails["state"], upload)


async def measure(server: Server, name: str, connections: int, in_flight: int, seconds: float) -> None:
    """Run a workload in a closed loop, and print a line about it."""
    session = server.session()
    sockets = [await open_socket(server, session) for _ in range(connections)]
    account = await read_account(server, session, sockets[0])
    requests = WORKLOADS[name](account)
    lock = asyncio.Lock()
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def slot(socket: Socket) -> None:
        while (start := time.perf_counter()) < end:
            if name == "import":
                # blocking uploads are made beside the loop, one after the other
                async with lock:
                    calls = await asyncio.to_thread(next, requests)
            else:
                calls = next(requests)
            await socket.ask(calls)
            took.append(time.perf_counter() - start)

    start = time.perf_counter()
    await asyncio.gather(*(slot(socket) for socket in sockets for _ in range(in_flight)))
    rate = len(took) / (time.perf_counter() - start)
    median, worst = statistics.median(took) * 1000, statistics.quantiles(took, n=100)[98] * 1000
    print(f"{name:<16} {connections:>4}x{in_flight:<3} {rate:>9,.0f}/s   p50 {median:>7.2f} ms   p99 {worst:>8.2f} ms")
    await asyncio.gather(*(socket.close() for socket in sockets))


async def fan_out(server: Server, subscribers: int, changes: int, gap: float) -> None:
    """Change something, and see when the others are told."""
    session = server.session()
    sockets = [await open_socket(server, session) for _ in range(subscribers)]
    await asyncio.gather(*(socket.enable_push() for socket in sockets))
    changer = await open_socket(server, session)
    account = await read_account(server, session, changer)
    requests = set_flag(account)
    for _ in range(changes):
        await asyncio.sleep(gap)
        for socket in sockets:
            while not socket.pushed.empty():
                socket.pushed.get_nowait()
        await changer.ask(next(requests))
        answered = time.perf_counter()
        heard = await asyncio.gather(
            *(asyncio.wait_for(socket.pushed.get(), 10) for socket in sockets), return_exceptions=True
        )
        times = [one for one in heard if isinstance(one, float)]
        last = max(0.0, max(times) - answered) * 1000 if times else float("nan")
        print(
            f"fan-out          {len(times)} of {subscribers} told, the last {last:.1f} ms after the change's response"
        )
    await asyncio.gather(*(socket.close() for socket in (*sockets, changer)))


async def idle(server: Server, connections: int, pid: int) -> None:
    """What a connection that does nothing costs the server."""
    session = server.session()
    before = resident(pid)
    sockets = [await open_socket(server, session) for _ in range(connections)]
    await asyncio.gather(*(socket.enable_push() for socket in sockets))
    print(
        f"idle             {(resident(pid) - before) / connections / 1024:.1f} KiB for each of {connections} connections"
    )
    await asyncio.gather(*(socket.close() for socket in sockets))


def resident(pid: int) -> int:
    """The octets of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def seed(server: Server, count: int) -> None:
    """Fill the Inbox with generated messages, 50 in a Request."""
    session = server.session()
    socket = await open_socket(server, session)
    account = await read_account(server, session, socket)
    for start in range(0, count, 50):
        numbers = range(start, min(start + 50, count))
        blobs = [await asyncio.to_thread(account.upload, generated(number)) for number in numbers]
        emails = {
            str(at): {
                "blobId": blob,
                "mailboxIds": {account.inbox: True},
                "keywords": {"$seen": True} if at % 3 else {},
            }
            for at, blob in enumerate(blobs)
        }
        await socket.ask([account.call("Email/import", emails=emails)])
        if sys.stderr.isatty():
            print(f"\r{min(start + 50, count)} of {count} messages", end="", file=sys.stderr, flush=True)
    print(f"\r{count} of {count} messages", file=sys.stderr)
    await socket.close()


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="https://localhost:8443")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", default=os.environ.get("JMAP_PASSWORD", ""), help="or JMAP_PASSWORD")
    parser.add_argument("--ca-file", default="var/tls/certificate.pem")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("seed").add_argument("--count", type=int, default=2000)
    for command in (commands.add_parser("run"), commands.add_parser("suite")):
        command.add_argument("--seconds", type=float, default=5)
    run = commands.choices["run"]
    run.add_argument("workload", choices=WORKLOADS)
    run.add_argument("--connections", type=int, default=1)
    run.add_argument("--in-flight", type=int, default=1)
    fan = commands.add_parser("fan-out")
    fan.add_argument("--subscribers", type=int, default=100)
    fan.add_argument("--changes", type=int, default=5)
    fan.add_argument("--gap", type=float, default=2.5)
    idling = commands.add_parser("idle")
    idling.add_argument("--connections", type=int, default=1000)
    idling.add_argument("--pid", type=int, required=True)
    return parser.parse_args()


async def main(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    trust = None
    if options.url.startswith("https:"):
        trust = ssl.create_default_context(cafile=options.ca_file if Path(options.ca_file).is_file() else None)
    credentials = base64.b64encode(f"{options.user}:{options.password}".encode()).decode()
    server = Server(options.url.rstrip("/"), f"Basic {credentials}", trust)
    if options.command == "seed":
        await seed(server, options.count)
    elif options.command == "run":
        await measure(server, options.workload, options.connections, options.in_flight, options.seconds)
    elif options.command == "fan-out":
        await fan_out(server, options.subscribers, options.changes, options.gap)
    elif options.command == "idle":
        await idle(server, options.connections, options.pid)
    else:
        for name, (connections, in_flight) in itertools.product(WORKLOADS, SUITE_SHAPES):
            await measure(server, name, connections, in_flight, options.seconds)


if __name__ == "__main__":
    asyncio.run(main(arguments()))
