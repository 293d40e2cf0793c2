"""The workers' side in the test's own process: Requests in, Responses out, with a real store and no sockets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import orjson

from jmapd.protocol.limits import Limits
from jmapd.store.store import Store, open_store
from jmapd.store.users import PASSWORD
from jmapd.workers.answers import Answer, join_prepared, prepared_piece
from jmapd.workers.channel import Frame
from jmapd.workers.settings import WorkerSettings
from jmapd.workers.writer import Writer
from tests.caller import USING, Call, Caller


@attrs.define
class MemoryLink:
    """A channel's end that keeps what is sent."""

    answers: dict[int, Answer] = attrs.field(factory=dict)

    def tell(self, arguments: dict[str, object]) -> None:
        """Notices answer nothing."""

    def poll(self) -> list[Frame]:
        """Nothing else waits."""
        return []

    def answer(self, answers: list[tuple[Frame, Answer]]) -> None:
        self.answers.update((frame.number, answer) for frame, answer in answers)


@attrs.define
class Engine(Caller):
    """A writer and the account of one user in it."""

    store: Store
    writer: Writer
    link: MemoryLink
    user: int = 1
    account: str = ""
    address: str = ""
    read_only: bool = False
    credential: str = PASSWORD
    mailboxes: dict[str, str] = attrs.field(factory=dict)
    last: Answer | None = None
    _number: int = 0

    def perform(self, operation: str, body: bytes = b"", **arguments: Any) -> Answer:
        """Have the writer do an operation."""
        self._number += 1
        self.writer._waiting.append(Frame(self._number, {**arguments, "operation": operation}, body))
        self.writer._turn()
        return self.link.answers.pop(self._number)

    def send(self, text: bytes, binding: str = "http") -> Answer:
        """Send a Request's text, and prepare what it turns out to need, as the pool does."""
        about: dict[str, Any] = {
            "user": self.user,
            "credential": self.credential,
            "read_only": self.read_only,
            "binding": binding,
        }
        self.last = self.prepared("request", text, **about)
        return self.last

    def prepared(self, operation: str, own: bytes, **about: Any) -> Answer:
        """Have the writer do an operation, and prepare what it turns out to need, as the pool does."""
        pieces: list[tuple[dict[str, Any], bytes]] = []
        answer = self.perform(operation, own, **about)
        while "wanted" in answer.arguments:
            for one in answer.arguments["wanted"]:
                made = self.perform("prepare", user=about.get("user", 0), wanted=one["arguments"])
                pieces.append(prepared_piece(one["key"], made.arguments, made.body))
            arguments, body = join_prepared(about, own, pieces)
            answer = self.perform(operation, body, **arguments)
        return answer

    def request(self, *calls: Call, using: list[str] | None = None, **extra: Any) -> dict[str, Any]:
        """Send a Request that is one; its Response object."""
        answer = self.send(orjson.dumps({"using": USING if using is None else using, "methodCalls": calls, **extra}))
        assert answer.arguments["status"] == 200, answer.body
        response: dict[str, Any] = orjson.loads(answer.body)
        return response

    def session(self) -> dict[str, Any]:
        """The user's Session object."""
        about: dict[str, Any] = {"user": self.user, "name": self.address, "read_only": self.read_only}
        found: dict[str, Any] = orjson.loads(self.perform("session", **about, url="https://localhost").body)
        return found

    def upload(self, data: bytes, media_type: str = "application/octet-stream") -> str:
        """Upload a blob; its id."""
        about = {"user": self.user, "account": self.account}
        read = self.perform("upload_finish", data, **about, upload=None, type=media_type)
        kept = self.perform("upload_record", read.body, **about, **read.arguments)
        blob: str = kept.arguments["blobId"]
        return blob

    def download(self, blob: str) -> bytes:
        """What a blob of the account holds."""
        return self.perform("blob_open", user=self.user, account=self.account, blob=blob).body

    def another(self, local_part: str) -> Engine:
        """A new user of the same store."""
        address = f"{local_part}@localhost"
        account = self.add_user(address)
        made = attrs.evolve(self, user=int(account.removeprefix("a"), 16), account=account, address=address)
        made.find_mailboxes()
        return made

    def administer(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Have done what `jmapctl` has done; what is answered."""
        answer = self.perform(operation, **arguments)
        assert "refused" not in answer.arguments, answer
        return answer.arguments

    def add_user(self, name: str) -> str:
        """One more user; their account's id."""
        account: str = self.perform("account_add", name=name, hash="h", bare=False).arguments["account"]
        return account


@contextmanager
def engine(folder: Path, limits: Limits = Limits(), *, add_user: bool = True) -> Iterator[Engine]:
    """An engine with one account; ``add_user`` makes it, where the folder is not of an engine before."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder}/store.sqlite"
    settings = WorkerSettings(url, str(folder), limits=limits, writer=True)
    store = open_store(url, folder, writable=True)
    link = MemoryLink()
    made = Engine(store, Writer.open(store, settings, link), link)  # type: ignore[arg-type]  # it is used as a Link
    made.address = "anna@localhost"
    made.account = made.add_user(made.address) if add_user else "a1"
    made.find_mailboxes()
    yield made
    store.database.close()
