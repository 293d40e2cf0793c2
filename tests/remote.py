"""The same calls to a whole server, over HTTP and over a WebSocket."""

from __future__ import annotations

from itertools import count
from typing import Any

from argon2 import PasswordHasher

from jmapd.workers.client import connect_running
from tests.caller import USING, Call, Caller
from tests.system.server import PASSWORD, Server, Socket

HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Made to be quick, for each test has a user of its own."""

_numbers = count()


class Remote(Caller):
    """A user of a server.

    :param over: ``http`` or ``websocket``.
    :param local_part: what the address begins with.
    """

    def __init__(self, server: Server, over: str, local_part: str = "user") -> None:
        self._server, self._over = server, over
        self._others: list[Remote] = []
        self.address = f"{local_part}{next(_numbers)}@localhost"
        self.account = self.add_user(self.address)
        self._client = server.http(self.address)
        self._socket: Socket | None = server.socket(self.address) if over == "websocket" else None
        self.find_mailboxes()

    def request(self, *calls: Call, using: list[str] | None = None, **extra: Any) -> dict[str, Any]:
        """Send a Request that is one; its Response object."""
        message = {"using": USING if using is None else using, "methodCalls": calls, **extra}
        if self._socket is None:
            answer = self._client.post(f"{self._server.url}/jmap/api/", json=message)
            assert answer.status_code == 200, answer.text
            response: dict[str, Any] = answer.json()
            return response
        self._socket.send({"@type": "Request", "id": "r", **message})
        response = self._socket.receive()
        assert (response.pop("@type"), response.pop("requestId")) == ("Response", "r"), response
        return response

    def session(self) -> dict[str, Any]:
        """The user's Session object."""
        found: dict[str, Any] = self._client.get(f"{self._server.url}/jmap/session").json()
        return found

    def upload(self, data: bytes, media_type: str = "application/octet-stream") -> str:
        """Upload a blob; its id."""
        url = f"{self._server.url}/jmap/upload/{self.account}/"
        answer = self._client.post(url, data=data, headers={"Content-Type": media_type})
        assert answer.status_code == 201, answer.text
        blob: str = answer.json()["blobId"]
        return blob

    def download(self, blob: str) -> bytes:
        """What a blob of the account holds."""
        answer = self._client.get(f"{self._server.url}/jmap/download/{self.account}/{blob}/it")
        assert answer.status_code == 200, answer.text
        return answer.content

    def another(self, local_part: str) -> Remote:
        """A new user of the same server."""
        made = Remote(self._server, self._over, local_part)
        self._others.append(made)
        return made

    def add_user(self, name: str) -> str:
        """One more user; their account's id."""
        account: str = self.administer("account_add", name=name, hash=HASH, bare=False)["account"]
        return account

    def administer(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Have done what `jmapctl` has done; what is answered."""
        with connect_running(self._server.data_dir) as control:
            return control.perform(operation, arguments)[0]

    def close(self) -> None:
        """Leave, with those who came after."""
        for other in self._others:
            other.close()
        if self._socket is not None:
            self._socket.close()
        self._client.close()
