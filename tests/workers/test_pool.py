"""The pool with real worker processes and a real store: answers, turns, death and replacement."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure

from jmapd.auth.principal import Principal
from jmapd.observe.metrics import Metrics
from jmapd.protocol.capabilities import CORE, MAIL
from jmapd.protocol.statechange import Modseqs
from jmapd.protocol.subprotocol import Binding
from jmapd.workers.answers import OperationRefused
from jmapd.workers.employer import Concerned
from jmapd.workers.pool import Answer, Origin, Pool, Reply
from jmapd.workers.settings import WorkerSettings
from jmapd.workers.transfers import Download, Upload
from jmapd.workers.worker import Worker
from tests.inreactor import run


class RecordingHub:
    """Keeps what it was told, in order."""

    def __init__(self) -> None:
        self.observed: list[Modseqs] = []
        self.announced: list[Modseqs] = []

    def observe(self, modseqs: Modseqs) -> None:
        self.observed.append(modseqs)

    def announce(self, modseqs: Modseqs) -> None:
        self.announced.append(modseqs)


MEMORY = 200_000_000
"""Octets that a worker may use here: enough for what is sensible."""


def request(*calls: tuple[str, dict[str, Any], str]) -> bytes:
    return orjson.dumps({"using": [CORE, MAIL], "methodCalls": calls})


def responses(answer: Answer) -> list[Any]:
    assert answer.status == 200, answer.body
    found: list[Any] = orjson.loads(answer.body)["methodResponses"]
    return found


def kill(worker: Worker | None, number: int) -> None:
    if worker is not None and worker.pid is not None:
        os.kill(worker.pid, number)


P = TypeVar("P", bound="PoolTest")


def in_reactor(test: Callable[[P], Coroutine[Any, Any, None]]) -> Callable[[P, Path], None]:
    """A test with a pool that is ready, in the reactor."""

    @wraps(test)
    def started(self: P, tmp_path: Path) -> None:
        async def whole() -> None:
            await self.start(tmp_path)
            try:
                await test(self)
            finally:
                await self.pool.stopService()

        run(whole())

    # pytest must see the argument that it is to give, not those of the test that is wrapped
    del started.__wrapped__
    return started


@pytest.mark.parametrize(("ended", "end"), [(ProcessDone(0), "memory"), (ProcessTerminated(1, 11), "crash")])
def test_a_worker_that_ends_well_by_itself_has_met_its_memorys_bound(ended: Exception, end: str) -> None:
    said: list[str] = []
    worker = Worker(reactor, print, print, lambda worker: said.append(worker.end))
    worker.processEnded(Failure(ended))
    assert said == [end]


class PoolTest:
    """A pool with one account."""

    async def start(self, data_dir: Path) -> None:
        self.hub = RecordingHub()
        self.pool = self.new_pool(data_dir)
        self.pool.startService()
        await self.pool.ready()
        added: Reply = await self.pool.perform("account_add", {"name": "anna@localhost", "hash": "h", "bare": False})
        self.account = added.arguments["account"]
        self.origin = Origin(Principal(1, "anna@localhost"))

    def new_pool(self, data_dir: Path) -> Pool:
        settings = WorkerSettings(f"sqlite:///{data_dir}/store.sqlite", str(data_dir), memory=MEMORY)
        self.metrics = Metrics()
        return Pool(reactor, settings, self.hub, readers=2, hard_deadline=1.0, metrics=self.metrics)

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0

    def ask(self, *calls: tuple[str, dict[str, Any], str]) -> Deferred[Answer]:
        return self.pool.submit(self.origin, request(*calls), Binding.HTTP)

    def make_mailbox(self, name: str) -> Deferred[Answer]:
        return self.ask(("Mailbox/set", {"accountId": self.account, "create": {"m": {"name": name}}}, "0"))

    async def mailbox_names(self) -> list[str]:
        answer = await self.ask(("Mailbox/get", {"accountId": self.account, "properties": ["name"]}, "0"))
        return [mailbox["name"] for mailbox in responses(answer)[0][1]["list"]]


class TestPool(PoolTest):
    @in_reactor
    async def test_a_request_is_answered(self) -> Any:
        answer = await self.ask(("Core/echo", {"hello": [1, None]}, "0"))
        assert responses(answer) == [["Core/echo", {"hello": [1, None]}, "0"]]

    @in_reactor
    async def test_what_was_written_is_read_at_once_and_announced_after_the_answer(self) -> Any:
        made = self.make_mailbox("new")
        seen_at_answer: list[int] = []

        def answered(answer: Answer) -> Answer:
            seen_at_answer.append(len(self.hub.announced))
            return answer

        answer = await made.addCallback(answered)
        assert responses(answer)[0][0] == "Mailbox/set"
        assert seen_at_answer == [0]
        await deferLater(reactor, 0, lambda: None)
        assert list(self.hub.announced[0][self.account]) == ["Mailbox"]
        names = await self.mailbox_names()
        assert "new" in names

    @in_reactor
    async def test_a_reader_hands_a_writing_request_back(self) -> Any:
        """The method's name is spelt so that the bytes do not show it."""
        call = ("Mailbox/set", {"accountId": self.account, "create": {"m": {"name": "hidden"}}}, "0")
        text = request(call).replace(b"Mailbox/set", b"Mailbox\\u002fset")
        answer = await self.pool.submit(self.origin, text, Binding.HTTP)
        assert responses(answer)[0][1]["created"]

    @in_reactor
    async def test_rfc8620_2_more_than_max_concurrent_requests_wait_and_are_answered(self) -> Any:
        answered: list[int] = []
        waiting = []
        for number in range(40):
            done = self.ask(("Core/echo", {"n": number}, "0"))
            done.addCallback(lambda answer: answered.append(responses(answer)[0][1]["n"]))
            waiting.append(done)
        await DeferredList(waiting)
        assert sorted(answered) == list(range(40))

    @in_reactor
    async def test_a_request_too_many_gets_the_limit_error(self) -> Any:
        large = b" " * (9 * 1024 * 1024)
        waiting = [self.pool.submit(self.origin, large, Binding.WEBSOCKET) for _ in range(8)]
        answers = [answer for _, answer in await DeferredList(waiting)]
        limited = [orjson.loads(answer.body) for answer in answers if b"limit" in answer.body]
        assert limited
        assert limited[0]["type"] == "urn:ietf:params:jmap:error:limit"
        assert limited[0]["limit"] == "maxConcurrentRequests"
        assert limited[0]["@type"] == "RequestError"
        assert self.counted("jmapd_bounds_hit_total", bound="request.max-concurrent") == len(limited)

    @in_reactor
    async def test_a_held_connection_starts_nothing_until_it_is_released(self) -> Any:
        held = Origin(Principal(1, "anna@localhost"), held=True)
        waits = self.pool.submit(held, request(("Core/echo", {}, "held")), Binding.HTTP)
        other = await self.ask(("Core/echo", {}, "other"))
        assert responses(other)[0][2] == "other"
        assert not waits.called
        held.held = False
        self.pool.released()
        answer = await waits
        assert responses(answer)[0][2] == "held"

    @in_reactor
    async def test_a_waiting_request_is_dropped_with_its_connection(self) -> Any:
        held = Origin(Principal(1, "anna@localhost"), held=True)
        make = ("Mailbox/set", {"accountId": self.account, "create": {"m": {"name": "never"}}}, "0")
        waits = self.pool.submit(held, request(make), Binding.HTTP)
        waits.addErrback(lambda failure: None)
        waits.cancel()
        held.held = False
        self.pool.released()
        names = await self.mailbox_names()
        assert "never" not in names
        assert self.counted("jmapd_requests_total", binding="http", outcome="dropped") == 1
        assert self.counted("jmapd_requests_total", binding="http", outcome="ok") == 1

    @in_reactor
    async def test_a_reader_that_dies_is_replaced_and_its_requests_are_answered(self) -> Any:
        waiting = [self.ask(("Core/echo", {"n": n}, "0")) for n in range(4)]
        for worker in list(self.pool.crew.readers):
            kill(worker, signal.SIGKILL)
        answers = await DeferredList(waiting)
        assert [responses(answer)[0][1]["n"] for _, answer in answers] == [0, 1, 2, 3]
        again = await self.ask(("Core/echo", {"n": 5}, "0"))
        assert responses(again)[0][1] == {"n": 5}
        # a reader that was given nothing may be missed later
        while self.counted("jmapd_workers_replaced_total", role="reader", reason="crash") < 2:
            await deferLater(reactor, 0.01, lambda: None)

    @in_reactor
    async def test_a_reader_past_the_hard_deadline_is_replaced(self) -> Any:
        for worker in self.pool.crew.readers:
            kill(worker, signal.SIGSTOP)
        waiting = [self.ask(("Core/echo", {"n": n}, "0")) for n in range(4)]
        answers = [answer for _, answer in await DeferredList(waiting)]
        assert {answer.status for answer in answers} <= {200, 503}
        # those whose turn it was get the error, those behind them are done by the next reader
        assert 1 <= sum(answer.status == 503 for answer in answers) <= 2
        assert self.counted("jmapd_workers_replaced_total", role="reader", reason="deadline") >= 1
        assert self.counted("jmapd_requests_total", binding="http", outcome="failed") in (1, 2)

    @in_reactor
    async def test_a_reader_at_its_memory_bound_answers_and_is_replaced(self) -> None:
        # on a busy machine it takes longer than the others may
        self.pool.crew._hard_deadline = 60.0
        before = list(self.pool.crew.readers)
        hostile = b'{"using":[],"methodCalls":[' + b",".join([b"[[]]"] * 1_900_000) + b"]}"
        answer = await self.pool.submit(self.origin, hostile, Binding.HTTP)
        assert answer.status == 503, answer.body[:200]
        again = await self.ask(("Core/echo", {"still": "here"}, "0"))
        assert responses(again)[0][1] == {"still": "here"}
        while all(worker in before for worker in self.pool.crew.readers) or len(self.pool.crew.readers) < 2:
            await deferLater(reactor, 0.01, lambda: None)
        # orjson may end the process itself where an allocation fails
        reasons = ("memory", "crash")
        assert sum(self.counted("jmapd_workers_replaced_total", role="reader", reason=one) for one in reasons) >= 1

    @in_reactor
    async def test_no_write_is_lost_or_done_twice_when_the_writer_dies(self) -> Any:
        waiting = []
        for number in range(30):
            waiting.append(self.make_mailbox(f"box {number}"))
            if number % 10 == 5:
                await deferLater(reactor, 0.001 * number, lambda: None)
                kill(self.pool.crew.writer, signal.SIGKILL)
        answers = [answer for _, answer in await DeferredList(waiting)]
        names = await self.mailbox_names()
        for number, answer in enumerate(answers):
            times = names.count(f"box {number}")
            if answer.status == 200:
                assert responses(answer)[0][1]["created"], answer.body
                assert times == 1
            elif answer.status == 500:
                assert times == 1
            else:
                assert times == 0
        assert sum(answer.status == 200 for answer in answers) > 20

    @in_reactor
    async def test_a_stuck_writer_is_replaced_and_what_it_had_is_done_once(self) -> Any:
        kill(self.pool.crew.writer, signal.SIGSTOP)
        waiting = [self.make_mailbox(f"stuck {number}") for number in range(3)]
        answers = [answer for _, answer in await DeferredList(waiting)]
        names = await self.mailbox_names()
        for number, answer in enumerate(answers):
            assert (answer.status == 200) == (f"stuck {number}" in names)
        assert sum(answer.status == 200 for answer in answers) >= 2

    @in_reactor
    async def test_an_upload_can_be_downloaded_by_its_uploader_alone(self) -> Any:
        await self.pool.perform("account_add", {"name": "ben@localhost", "hash": "h", "bare": True})
        data = os.urandom(700_000)
        upload = Upload(self.pool, self.origin.principal, self.account, "image/png")
        for at in range(0, len(data), 100_000):
            await upload.write(data[at : at + 100_000])
        kept = await upload.finish()
        assert kept == {"accountId": self.account, "blobId": kept["blobId"], "type": "image/png", "size": 700_000}
        download = await Download.open(self.pool, self.origin.principal, self.account, kept["blobId"])
        assert download.size == 700_000
        read = b""
        while piece := (await download.read()):
            read += piece
        assert read == data
        with pytest.raises(OperationRefused):
            await Download.open(self.pool, Principal(2, "ben@localhost"), self.account, kept["blobId"])

    @in_reactor
    async def test_an_upload_to_an_account_of_somebody_else_is_refused(self) -> Any:
        await self.pool.perform("account_add", {"name": "ben@localhost", "hash": "h", "bare": True})
        upload = Upload(self.pool, Principal(2, "ben@localhost"), self.account, "image/png")
        await upload.write(b"x")
        with pytest.raises(OperationRefused) as refused:
            await upload.finish()
        assert refused.value.kind == "notFound"

    @in_reactor
    async def test_emails_are_composed_by_readers_and_stored_by_the_writer(self) -> Any:
        boxes = await self.ask(("Mailbox/get", {"accountId": self.account}, "0"))
        inbox = responses(boxes)[0][1]["list"][0]["id"]
        email = {
            "mailboxIds": {inbox: True},
            "subject": "two",
            "bodyValues": {"1": {"value": "x"}},
            "textBody": [{"partId": "1"}],
        }
        create = ("Email/set", {"accountId": self.account, "create": {"a": email, "b": email}}, "0")
        answer = await self.ask(create)
        created = responses(answer)[0][1]["created"]
        assert created["a"]["id"] != created["b"]["id"]
        assert created["a"]["blobId"] != created["b"]["blobId"]

    @in_reactor
    async def test_listeners_hear_of_changed_credentials(self) -> Any:
        heard: list[tuple[int, str | None]] = []
        self.pool.credentials_changed.append(lambda user, credential: heard.append((user, credential)))
        await self.pool.perform("account_passwd", {"name": "anna", "hash": "other"})
        await deferLater(reactor, 0, lambda: None)
        assert heard == [(1, "password")]
        found = await self.pool.perform("credentials", {"name": "ANNA@localhost"})
        assert found.arguments["hash"] == "other"


@pytest.mark.parametrize("committed", [False, True])
def test_listeners_hear_of_changed_credentials_and_accesses_though_the_answer_is_lost(
    tmp_path: Path, committed: bool
) -> None:
    pool = Pool(Clock(), WorkerSettings("", str(tmp_path)), RecordingHub())
    heard: list[tuple[int, str | None]] = []
    pool.credentials_changed.append(lambda user, credential: heard.append((user, credential)))
    pool.accesses_changed.append(lambda user: heard.append((user, "accesses")))
    asked = pool.perform("token_revoke", {"token": "t1"})
    job = pool._to_writer.popleft()
    # the writer has ended right before its commit, or right after it
    pool.batch_begun(7, [job], Concerned([(1, "token:t1")], [2]))
    pool.writer_ended([job])
    pool.writer_ready(7 if committed else 6)
    assert heard == ([(1, "token:t1"), (2, "accesses")] if committed else [])
    assert list(pool._to_writer) == ([] if committed else [job])
    asked.addErrback(lambda failure: failure.trap(OperationRefused))
    assert asked.called is committed


def test_an_operation_that_nobody_waits_for_any_more_is_dropped(tmp_path: Path) -> None:
    pool = Pool(Clock(), WorkerSettings("", str(tmp_path)), RecordingHub())
    gone, stays = pool.perform("states", {"user": 1}), pool.perform("states", {"user": 2})
    assert pool.waiting["reader"] == 2
    gone.cancel()
    gone.addErrback(lambda failure: failure.trap(CancelledError))
    assert pool.waiting["reader"] == 1
    assert not stays.called


def test_operations_and_requests_take_turns(tmp_path: Path) -> None:
    pool = Pool(Clock(), WorkerSettings("", str(tmp_path)), RecordingHub())
    for user in range(3):
        pool.perform("states", {"user": user})
        pool.submit(Origin(Principal(user, "anna")), b"{}", Binding.HTTP)
    taken = [pool._next_read(idle=2) for _ in range(6)]
    assert [job.operation for job in taken if job is not None] == ["states", "request"] * 3
    assert pool._next_read(idle=2) is None
