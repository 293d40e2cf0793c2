"""The sweep: what nobody needs goes, and nothing else does."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from jmapd.protocol.limits import UploadBounds
from jmapd.store import sweep
from jmapd.store.blobs import INLINE, Piece
from jmapd.store.push_subscriptions import UNVERIFIED_KEEP
from jmapd.workers.answers import OperationRefused
from jmapd.workers.sweeper import INTERVAL, PAUSE, STEPS, SweepService
from jmapd.workers.sweeping import Sweeping
from tests.engine import Engine, engine

LONG_AGO = 10 * sweep.YOUNG


@pytest.fixture
def jmap(tmp_path: Path) -> Iterator[Engine]:
    with engine(tmp_path) as made:
        yield made


def age_files(jmap: Engine) -> None:
    for path in jmap.store.blobs.folder.rglob("*"):
        if path.is_file():
            os.utime(path, (path.stat().st_mtime - LONG_AGO,) * 2)


def expire(jmap: Engine) -> None:
    """From now on the time of everything is over at once."""
    before = jmap.writer.requests.settings
    after = attrs.evolve(before, keep_changes=-10.0, uploads=UploadBounds(ttl=-10.0))
    table = {**jmap.writer.tasks.table, "sweep": Sweeping(jmap.store, after).sweep}
    jmap.writer.tasks = attrs.evolve(jmap.writer.tasks, table=table)


def run(jmap: Engine, *steps: str) -> None:
    """Sweep, all steps or some."""
    for step in steps or STEPS:
        at: Any = None
        while True:
            at = jmap.prepared("sweep", b"", step=step, at=at).arguments["at"]
            if at is None:
                break


def message(word: str, size: int = 10) -> bytes:
    return f"From: a@b\r\nSubject: {word}\r\n\r\n{word} {'x' * size}\r\n".encode()


def rows(jmap: Engine, sql: str, *values: Any) -> list[Any]:
    return jmap.store.database.connection.execute(sql, values).fetchall()


def in_index(jmap: Engine, word: str) -> int:
    return len(rows(jmap, "SELECT rowid FROM email_text WHERE email_text MATCH ?", word))


@pytest.mark.parametrize("size", [10, 2 * INLINE])
def test_the_text_of_a_destroyed_email_leaves_the_index(jmap: Engine, size: int) -> None:
    emails = [jmap.import_message(message(word, size)) for word in ("walrus", "ostrich")]
    jmap.call("Email/set", destroy=emails[:1])
    assert in_index(jmap, "walrus") == 1
    run(jmap)
    assert (in_index(jmap, "walrus"), in_index(jmap, "ostrich")) == (0, 1)
    assert rows(jmap, "SELECT * FROM left_texts") == []
    assert jmap.call("Email/query", filter={"text": "ostrich"})["ids"] == emails[1:]


def test_texts_go_by_pieces(jmap: Engine) -> None:
    emails = [jmap.import_message(message(f"walrus {number}")) for number in range(45)]
    jmap.call("Email/set", destroy=emails)
    run(jmap, "texts")
    assert in_index(jmap, "walrus") == 0


def test_the_text_of_a_message_that_is_lost_is_not_found_and_keeps_no_others(jmap: Engine) -> None:
    emails = [jmap.import_message(message(word, 2 * INLINE)) for word in ("walrus", "ostrich")]
    blob = jmap.call("Email/get", ids=emails[:1], properties=["blobId"])["list"][0]["blobId"]
    jmap.call("Email/set", destroy=emails)
    next(jmap.store.blobs.folder.rglob(hash_of(blob))).unlink()
    run(jmap)
    run(jmap)
    assert in_index(jmap, "ostrich") == 0
    found = jmap.call("Email/query", filter={"text": "walrus"}, calculateTotal=True)
    assert (found["ids"], found["total"]) == ([], 0)


def test_texts_of_an_account_that_was_deleted_leave_the_index_too(jmap: Engine) -> None:
    jmap.import_message(message("walrus"))
    jmap.perform("account_delete", name="anna@localhost")
    run(jmap)
    assert in_index(jmap, "walrus") == 0
    assert rows(jmap, "SELECT * FROM blobs") == []


def test_destroyed_objects_are_forgotten_after_their_time_and_older_states_are_not_known(jmap: Engine) -> None:
    email = jmap.import_message(message("walrus"))
    kept = jmap.import_message(message("ostrich"))
    before = jmap.call("Email/get", ids=[])["state"]
    jmap.call("Email/set", destroy=[email])
    after = jmap.call("Email/get", ids=[])["state"]
    run(jmap)
    assert jmap.call("Email/changes", sinceState=before)["destroyed"] == [email]
    expire(jmap)
    run(jmap)
    assert jmap.error("Email/changes", sinceState=before)["type"] == "cannotCalculateChanges"
    assert jmap.error("Email/queryChanges", sinceQueryState=before)["type"] == "cannotCalculateChanges"
    assert jmap.call("Email/changes", sinceState=after)["destroyed"] == []
    # what is there stays known
    assert jmap.call("Email/get", ids=[kept])["notFound"] == []
    assert rows(jmap, "SELECT count(*) FROM changes WHERE destroyed IS NOT NULL") == [(0,)]
    # once more is quiet, and leaves one note of the account's age
    run(jmap)
    assert rows(jmap, "SELECT count(*) FROM ages") == [(1,)]


def test_what_changed_after_the_last_note_is_remembered(jmap: Engine) -> None:
    email = jmap.import_message(message("walrus"))
    expire(jmap)
    run(jmap)
    state = jmap.call("Email/get", ids=[])["state"]
    jmap.call("Email/set", destroy=[email])
    # the note that this sweep makes is the first that says how far the account has been counted
    jmap.perform("sweep", step="uploads", at=None)
    assert jmap.call("Email/changes", sinceState=state)["destroyed"] == [email]


def test_rfc8620_7_2_push_subscriptions_go_that_have_ended_or_were_never_verified(jmap: Engine) -> None:
    def create(**properties: Any) -> str:
        properties = {"deviceClientId": "a", "url": "https://127.0.0.1:1/", **properties}
        response = jmap.request(("PushSubscription/set", {"create": {"k": properties}}, "0"))
        id: str = response["methodResponses"][0][1]["created"]["k"]["id"]
        return id

    ids = [create(), create(), create()]
    now = int(time.time() * 1000)
    connection = jmap.store.database.connection
    connection.execute("UPDATE push_subscriptions SET made = ?", (now - UNVERIFIED_KEEP,))
    connection.execute("UPDATE push_subscriptions SET verified = 1 WHERE id > 1")
    connection.execute("UPDATE push_subscriptions SET ends = ? WHERE id = 2", (now,))
    assert jmap.perform("sweep", step="push_subscriptions", at=None).push_subscriptions == (jmap.user, jmap.user)
    assert rows(jmap, "SELECT id FROM push_subscriptions") == [(3,)]
    assert ids[2] == "p3"
    # of one that was made just now and is gone, it is known for a while that it was made
    response = jmap.request(("PushSubscription/set", {"destroy": [create()]}, "0"))
    assert response["methodResponses"][0][1]["destroyed"] == ["p4"]
    assert jmap.perform("sweep", step="push_subscriptions", at=None).push_subscriptions == ()
    assert rows(jmap, "SELECT id, url, code FROM push_subscriptions WHERE id > 3") == [(4, "", "")]


def test_rfc8620_6_an_upload_goes_after_its_time_and_its_blob_with_it(jmap: Engine) -> None:
    small, large = jmap.upload(b"small"), jmap.upload(b"x" * 2 * INLINE)
    email = jmap.import_message(message("walrus", 2 * INLINE))
    (kept,) = jmap.call("Email/get", ids=[email])["list"]
    age_files(jmap)
    run(jmap)
    assert all(stored(jmap, blob) for blob in (small, large, kept["blobId"]))
    expire(jmap)
    run(jmap)
    assert [stored(jmap, blob) for blob in (small, large, kept["blobId"])] == [False, False, True]
    assert files(jmap) == [hash_of(kept["blobId"])]


def stored(jmap: Engine, blob: str) -> bool:
    piece = Piece.of_id(blob)
    assert piece is not None
    return jmap.store.blobs.read(jmap.store.database, piece.hash) is not None


def hash_of(blob: str) -> str:
    piece = Piece.of_id(blob)
    assert piece is not None
    return piece.hash.hex()


def files(jmap: Engine) -> list[str]:
    return sorted(path.name for path in jmap.store.blobs.folder.rglob("*") if path.is_file())


def test_a_file_whose_row_is_still_to_come_stays(jmap: Engine) -> None:
    raw = b"x" * 2 * INLINE
    hash = jmap.store.blobs.write_file(raw)
    (jmap.store.incoming / ("0" * 32)).write_bytes(b"half")
    expire(jmap)
    run(jmap)
    assert files(jmap) == [hash.hex()]
    assert len(list(jmap.store.incoming.iterdir())) == 1
    # the same bytes come again for a file that is old by now
    age_files(jmap)
    jmap.store.blobs.write_file(raw)
    run(jmap)
    assert files(jmap) == [hash.hex()]
    age_files(jmap)
    os.utime(jmap.store.incoming / ("0" * 32), (1, 1))
    run(jmap)
    assert files(jmap) == []
    assert list(jmap.store.incoming.iterdir()) == []


actions = st.lists(
    st.one_of(
        st.tuples(st.just("import"), st.integers(0, 5), st.sampled_from([10, 2 * INLINE])),
        st.tuples(st.just("destroy"), st.integers(0, 5), st.none()),
        st.tuples(st.just("upload"), st.integers(0, 5), st.sampled_from([10, 2 * INLINE])),
        st.tuples(st.just("sweep"), st.sampled_from([*STEPS, "all"]), st.none()),
    ),
    max_size=25,
)


@given(actions)
@settings(max_examples=30, deadline=None)
def test_nothing_that_is_referred_to_is_ever_lost(steps: list[tuple[str, Any, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder)) as jmap:
        expire(jmap)
        there: dict[str, bytes] = {}
        for name, which, size in steps:
            if name == "import":
                raw = message(f"word{which}", size)
                there[jmap.import_message(raw)] = raw
            elif name == "destroy" and there:
                email = list(there)[which % len(there)]
                jmap.call("Email/set", destroy=[email])
                del there[email]
            elif name == "upload":
                jmap.upload(message(f"word{which}", size))
            elif name == "sweep":
                age_files(jmap)
                run(jmap, *(() if which == "all" else (which,)))
            check_all(jmap, there)
        age_files(jmap)
        run(jmap)
        check_all(jmap, there)
        # and nothing else is left
        assert {hash.hex() for (hash,) in rows(jmap, "SELECT hash FROM blobs")} == {
            hash_of(one["blobId"]) for one in jmap.call("Email/get", ids=None)["list"]
        }


def check_all(jmap: Engine, there: dict[str, bytes]) -> None:
    found = {one["id"]: one for one in jmap.call("Email/get", ids=None)["list"]}
    assert found.keys() == there.keys()
    for id, raw in there.items():
        piece = Piece.of_id(found[id]["blobId"])
        assert piece is not None
        assert jmap.store.blobs.read(jmap.store.database, piece.hash) == raw
    for number in range(6):
        ids = jmap.call("Email/query", filter={"text": f"word{number}"})["ids"]
        assert set(ids) == {id for id, raw in there.items() if f"word{number} ".encode() in raw}


@attrs.define
class FakePool:
    """Says of each piece where it goes on."""

    goes_on: dict[str, int] = attrs.field(factory=dict)
    asked: list[tuple[str, Any]] = attrs.field(factory=list)
    fails: bool = False

    def perform(self, operation: str, arguments: dict[str, Any], body: bytes = b"") -> Deferred[Any]:
        self.asked.append((arguments["step"], arguments["at"]))
        done: Deferred[Any] = Deferred()
        if self.fails:
            done.errback(OperationRefused("unavailable"))
            return done
        at = (arguments["at"] or 0) + 1
        done.callback(Reply({"at": at if at <= self.goes_on.get(arguments["step"], 0) else None}))
        return done


@attrs.frozen
class Reply:
    arguments: dict[str, Any]


def test_a_round_goes_through_all_steps_with_pauses_and_the_next_one_waits() -> None:
    clock, pool = Clock(), FakePool({"changes": 2})
    service = SweepService(clock, pool)
    service.startService()
    assert pool.asked == []
    clock.advance(INTERVAL)
    assert pool.asked == [("texts", None)]
    clock.pump([PAUSE] * 20)
    assert pool.asked == [
        ("texts", None),
        ("changes", None),
        ("changes", 1),
        ("changes", 2),
        ("uploads", None),
        ("replies", None),
        ("push_subscriptions", None),
        ("blobs", None),
        ("files", None),
    ]
    clock.advance(INTERVAL)
    assert len(pool.asked) == 10
    service.stopService()
    clock.advance(INTERVAL)
    assert len(pool.asked) == 10
    assert clock.getDelayedCalls() == []


def test_a_round_that_fails_is_taken_up_by_the_next_one() -> None:
    clock, pool = Clock(), FakePool(fails=True)
    service = SweepService(clock, pool)
    service.startService()
    clock.pump([INTERVAL] * 2)
    assert pool.asked == [("texts", None)] * 2
    service.stopService()
