"""kill -9 at any time loses nothing that was acknowledged, and the server starts again by itself."""

import threading
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.system.server import Server, Socket

ROUNDS = 8
CLIENTS = 3


class Load(threading.Thread):
    """A client that makes Mailboxes and drafts as fast as it is answered, and remembers what was acknowledged."""

    def __init__(self, socket: Socket, account: str, inbox: str, name: str) -> None:
        super().__init__()
        self.socket, self.account, self.inbox, self.label = socket, account, inbox, name
        self.asked: list[str] = []
        self.acknowledged: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        number = 0
        while True:
            number += 1
            subject = f"{self.label} {number}"
            email = {
                "mailboxIds": {self.inbox: True},
                "subject": subject,
                "textBody": [{"partId": "1", "type": "text/plain"}],
                "bodyValues": {"1": {"value": subject * 20}},
            }
            self.asked.append(subject)
            try:
                said = self.socket.request(("Email/set", {"accountId": self.account, "create": {"k": email}}, "0"))
            except (ConnectionClosed, OSError, AssertionError):
                return
            if said[0][1].get("created"):
                self.acknowledged.append(subject)
            if number >= 10:
                self.enough.set()


def subjects(socket: Socket, account: str) -> list[str]:
    found: list[str] = []
    while True:
        page = socket.request(
            ("Email/query", {"accountId": account, "position": len(found), "limit": 200}, "q"),
            (
                "Email/get",
                {
                    "accountId": account,
                    "#ids": {"resultOf": "q", "name": "Email/query", "path": "/ids"},
                    "properties": ["subject"],
                },
                "g",
            ),
        )[1][1]["list"]
        if not page:
            return found
        found += [email["subject"] for email in page]


def mailbox_counts(socket: Socket, account: str) -> dict[str, Any]:
    boxes = socket.request(("Mailbox/get", {"accountId": account}, "0"))[0][1]["list"]
    return {box["name"]: box["totalEmails"] for box in boxes}


def test_what_was_acknowledged_survives_kill_9_under_load(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    server.add_account()
    acknowledged: set[str] = set()
    asked: set[str] = set()
    for round in range(ROUNDS):
        reader = server.socket()
        account = next(iter(server.http().get(f"{server.url}/jmap/session").json()["accounts"]))
        boxes = reader.request(("Mailbox/get", {"accountId": account}, "0"))[0][1]["list"]
        inbox = next(box["id"] for box in boxes if box["role"] == "inbox")
        clients = [Load(server.socket(), account, inbox, f"{round}.{n}") for n in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            assert client.enough.wait(60)
        server.kill()
        for client in clients:
            client.join(60)
            acknowledged.update(client.acknowledged)
            asked.update(client.asked)
        server.start()
        after = server.socket()
        kept = subjects(after, account)
        assert acknowledged <= set(kept)
        assert len(kept) == len(set(kept)), "something was done twice"
        assert set(kept) <= asked
        assert mailbox_counts(after, account)["Inbox"] == len(kept)
        after.close()
    assert server.stop()


def test_a_client_catches_up_after_a_restart_by_its_push_state(tmp_path: Path) -> None:
    server = Server(tmp_path, throttle="0")
    server.start()
    server.add_account()
    socket = server.socket()
    account = next(iter(server.http().get(f"{server.url}/jmap/session").json()["accounts"]))
    socket.enable()
    make = ("Mailbox/set", {"accountId": account, "create": {"k": {"name": "one"}}}, "0")
    socket.request(make)
    push_state = socket.push()["pushState"]
    server.kill()
    server.start()
    other = server.socket()
    state = other.request(("Mailbox/set", {"accountId": account, "create": {"k": {"name": "two"}}}, "0"))[0][1][
        "newState"
    ]
    again = server.socket()
    again.enable(push_state)
    caught_up = again.push()
    assert caught_up["changed"] == {account: {"Mailbox": state}}
    current = server.socket()
    current.enable(caught_up["pushState"])
    assert current.request(("Core/echo", {}, "0"))
    assert current.pushes == []
    server.stop()
