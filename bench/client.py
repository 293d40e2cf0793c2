"""A JMAP server, and WebSockets to it, as the workloads use them (RFC 8620, RFC 8887)."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import time
import urllib.error
import urllib.request
from typing import Any

import attrs

from bench.carriage import Route, Trust, WebSocket, open_sockets
from bench.workloads import Account, Call

CORE, MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"
WEBSOCKET = "urn:ietf:params:jmap:websocket"


@attrs.frozen
class Server:
    """Where the server is and who asks, and what their WebSockets are like.

    :param http2: whether they are streams of an HTTP/2 connection.
    :param per_connection: how many share one.
    :param pid: the server's process; 0: not known.
    """

    url: str
    user: str
    password: str
    trust: Trust | None
    http2: bool = False
    per_connection: int = 100
    compress: bool = False
    pid: int = 0

    @property
    def credentials(self) -> str:
        """The Authorization field."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    @property
    def carriage(self) -> str:
        """What its WebSockets are like, in two words."""
        return ("h2" if self.http2 else "h1") + (" deflate" if self.compress else "")

    def fetch(self, url: str, body: bytes | None = None, media: str = "") -> Any:
        """Fetch JSON over HTTP, or post and fetch."""
        headers = {"Authorization": self.credentials, **({"Content-Type": media} if media else {})}
        request = urllib.request.Request(url, body, headers)
        context = None if self.trust is None else self.trust.http1
        try:
            with urllib.request.urlopen(request, context=context) as response:
                return json.load(response)
        except urllib.error.URLError as error:
            raise SystemExit(f"{url}: {error}") from None

    def session(self) -> dict[str, Any]:
        """The Session object."""
        found: dict[str, Any] = self.fetch(f"{self.url}/.well-known/jmap")
        return found

    def route(self, session: dict[str, Any], source: str | None = None) -> Route:
        """The way to a WebSocket.

        :param source: the address to come from.
        """
        url = session["capabilities"][WEBSOCKET]["url"]
        return Route(url, self.credentials, self.trust, self.compress, source)

    async def sockets(self, session: dict[str, Any], count: int, source: str | None = None) -> list[Socket]:
        """Connect as RFC 8887 says."""
        route = self.route(session, source)
        opened = await open_sockets(route, count, http2=self.http2, per_connection=self.per_connection)
        return [Socket(one) for one in opened]


class Socket:
    """One WebSocket: Requests by id, pushes to whom asks.

    :ivar pushed: when each StateChange came that nobody has asked for yet.
    """

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.pushed: list[float] = []
        self._push: asyncio.Event = asyncio.Event()
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._ids = itertools.count()
        socket.heard = self._heard

    async def ask(self, calls: list[Call]) -> list[Any]:
        """The arguments of each method response."""
        id = str(next(self._ids))
        waiting = self._waiting[id] = asyncio.get_running_loop().create_future()
        self.socket.send(request(id, calls))
        answer = await waiting
        if answer["@type"] != "Response" or any(name == "error" for name, _, _ in answer["methodResponses"]):
            raise RuntimeError(json.dumps(answer)[:500])
        return [arguments for _, arguments, _ in answer["methodResponses"]]

    async def enable_push(self) -> None:
        """Ask for pushes, and be sure that it has been heard."""
        self.socket.send(json.dumps({"@type": "WebSocketPushEnable", "dataTypes": None}).encode())
        await self.ask([("Core/echo", {})])

    async def next_push(self) -> float:
        """When the next StateChange came."""
        while not self.pushed:
            self._push.clear()
            await self._push.wait()
        return self.pushed.pop(0)

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def _heard(self, text: bytes) -> None:
        if text.startswith(b'{"@type":"StateChange"'):
            self.pushed.append(time.perf_counter())
            self._push.set()
            return
        message = json.loads(text)
        if message["@type"] == "StateChange":
            self.pushed.append(time.perf_counter())
            self._push.set()
        else:
            self._waiting.pop(message["requestId"]).set_result(message)


def request(id: str, calls: list[Call]) -> bytes:
    """A Request as a message."""
    method_calls = [[name, arguments, str(at)] for at, (name, arguments) in enumerate(calls)]
    return json.dumps({"@type": "Request", "id": id, "using": [CORE, MAIL], "methodCalls": method_calls}).encode()


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
