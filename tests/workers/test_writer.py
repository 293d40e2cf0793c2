"""Group commit in this process: one transaction, a savepoint each, and what happens when it comes to nothing."""

import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest

from jmapd.workers.channel import Frame
from tests.caller import USING
from tests.engine import Engine, engine


def frame(jmap: Engine, number: int, name: str) -> Frame:
    call = ["Mailbox/set", {"accountId": jmap.account, "create": {"k": {"name": name}}}, "0"]
    text = orjson.dumps({"using": USING, "methodCalls": [call]})
    return Frame(number, {"operation": "request", "user": 1, "credential": "password", "binding": "http"}, text)


def said(jmap: Engine, number: int) -> Any:
    return orjson.loads(jmap.link.answers[number].body)


def names(jmap: Engine) -> list[str]:
    return [box["name"] for box in jmap.call("Mailbox/get")["list"]]


def test_many_requests_are_one_commit(jmap: Engine) -> None:
    before = jmap.writer.batch
    jmap.writer._waiting.extend(frame(jmap, 100 + n, f"box {n}") for n in range(10))
    jmap.writer._turn()
    assert jmap.writer.batch == before + 1
    assert all(said(jmap, 100 + n)["methodResponses"][0][1]["created"] for n in range(10))


def test_a_batch_takes_no_more_than_its_bound(jmap: Engine) -> None:
    jmap.writer._waiting.extend(frame(jmap, 100 + n, f"box {n}") for n in range(70))
    jmap.writer._turn()
    assert 6 <= len(jmap.writer._waiting) < 70


class FailingConnection:
    """The driver's connection, whose COMMITs fail as often as is asked, as on a full disk."""

    def __init__(self, real: sqlite3.Connection, failures: int) -> None:
        self.real = real
        self.failures = failures

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.failures:
            self.failures -= 1
            self.real.execute("ROLLBACK")
            raise sqlite3.OperationalError("database or disk is full")
        return self.real.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@pytest.mark.parametrize(("failures", "kept"), [(1, 3), (2, 2), (4, 0)])
def test_where_a_commit_fails_each_request_runs_again_alone(jmap: Engine, failures: int, kept: int) -> None:
    database = jmap.store.database
    real = database.connection
    database.connection = FailingConnection(real, failures)  # type: ignore[assignment]  # it stands for one
    jmap.writer._waiting.extend(frame(jmap, 100 + n, f"box {n}") for n in range(3))
    jmap.writer._turn()
    database.connection = real
    answers = [jmap.link.answers[100 + n] for n in range(3)]
    there = names(jmap)
    assert [answer.arguments["status"] for answer in answers] == [200] * 3
    # RFC 8620 section 3.6.2: what could not be stored is the call's failure, and the others go on
    failed = [b'"serverFail"' in answer.body for answer in answers]
    assert failed == [f"box {number}" not in there for number in range(3)]
    assert failed.count(False) == kept


def test_what_was_acknowledged_is_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    with engine(tmp_path) as jmap:
        jmap.call("Mailbox/set", create={"k": {"name": "kept"}})
        batch = jmap.writer.batch
    with engine(tmp_path, add_user=False) as again:
        assert "kept" in names(again)
        assert again.writer.batch == batch + 2, "the two reads since were batches too"
