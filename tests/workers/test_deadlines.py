"""What takes too long, or too much memory, is given up, and nothing else is."""

from __future__ import annotations

import itertools
import signal
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context
from jmapd.methods.registry import Method
from jmapd.protocol.capabilities import CORE
from jmapd.store.database import Database, DeadlineExceeded
from jmapd.store.statement import Statement
from jmapd.store.store import open_store
from jmapd.workers.channel import Frame
from jmapd.workers.reader import Reader
from jmapd.workers.settings import WorkerSettings
from tests.caller import USING
from tests.engine import Engine, MemoryLink, engine


def request(*names: str) -> Frame:
    text = orjson.dumps({"using": [CORE], "methodCalls": [[name, {}, "0"] for name in names]})
    return Frame(1, {"operation": "request", "user": 1, "credential": "password", "binding": "http"}, text)


def loop(context: Context, arguments: Arguments) -> dict[str, Any]:
    """A method whose own work never ends."""
    for number in itertools.count():
        assert number >= 0
    return {}


def search(context: Context, arguments: Arguments) -> dict[str, Any]:
    """A method whose SELECT never ends."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    context.store.database.run(Statement(endless, {}), {})
    return {}


@pytest.mark.parametrize("endless", [loop, search])
def test_a_reader_gives_a_call_up_at_the_soft_deadline(tmp_path: Path, endless: Any) -> None:
    before = signal.getsignal(signal.SIGALRM)
    with engine(tmp_path):
        url = f"sqlite:///{tmp_path}/store.sqlite"
        store = open_store(url, tmp_path, writable=False)
        settings = WorkerSettings(url, str(tmp_path), soft_deadline=0.2)
        link: Any = MemoryLink()
        reader = Reader.open(store, settings, link)
        registry: Any = reader.requests.dispatch.registry
        registry["Test/endless"] = Method("Test/endless", CORE, writes=False, run=endless)
        started = time.monotonic()
        answer = reader._answer(request("Test/endless", "Core/echo"))
        assert time.monotonic() - started < 5
        responses = orjson.loads(answer.body)["methodResponses"]
        assert [said.get("type") for _, said, _ in responses] == ["serverUnavailable", None]
        again = orjson.loads(reader._answer(request("Core/echo")).body)
        assert again["methodResponses"] == [["Core/echo", {}, "0"]]
        store.database.close()
    signal.signal(signal.SIGALRM, before)


def test_the_writer_looks_at_the_clock_between_statements(jmap: Engine) -> None:
    database: Database = jmap.store.database
    database.deadline = time.monotonic() - 1
    with pytest.raises(DeadlineExceeded):
        jmap.writer.tasks.table["account_list"]({}, b"")
    database.deadline = float("inf")


def test_a_write_that_is_too_slow_changes_nothing(jmap: Engine) -> None:
    jmap.writer.soft_deadline = -1
    call = ["Mailbox/set", {"accountId": jmap.account, "create": {"k": {"name": "late"}}}, "0"]
    answer = jmap.send(orjson.dumps({"using": USING, "methodCalls": [call]}))
    jmap.writer.soft_deadline = 10
    assert answer.arguments["status"] == 503
    assert "late" not in [box["name"] for box in jmap.call("Mailbox/get")["list"]]
