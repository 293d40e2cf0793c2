"""Workers that give way to others with other settings, while Requests go on."""

from __future__ import annotations

import errno
import os
import signal
from typing import Any

import attrs
import pytest
from twisted.internet.defer import DeferredList

from jmapd.protocol.limits import Limits
from jmapd.workers.settings import WorkerSettings
from jmapd.workers.worker import Worker
from tests.workers.test_pool import PoolTest, in_reactor, responses


class TestRenewal(PoolTest):
    def pids(self) -> set[int | None]:
        crew = self.pool.crew
        assert crew.writer is not None
        return {crew.writer.pid, *(one.pid for one in crew.readers)}

    def renewed(self, readers: int = 2, **limits: int) -> Any:
        settings = attrs.evolve(self.pool.crew.settings, limits=Limits(**limits), digest="another")
        return self.pool.renew(settings, readers=readers, hard_deadline=5.0)

    async def get(self, count: int) -> str:
        answer = await self.ask(
            ("Mailbox/get", {"accountId": self.account, "ids": [f"x{n}" for n in range(count)]}, "0")
        )
        found: str = responses(answer)[0][1].get("type", "none")
        return found

    @in_reactor
    async def test_fresh_workers_know_what_is_new(self) -> Any:
        before = self.pids()
        assert await self.get(2) == "none"
        await self.renewed(max_objects_in_get=1)
        assert await self.get(2) == "requestTooLarge"
        assert self.pids().isdisjoint(before)
        assert responses(await self.make_mailbox("after"))[0][1]["created"]
        # those before have ended, and not by themselves
        assert all(not alive(pid) for pid in before)
        assert self.counted("jmapd_workers_replaced_total", role="reader", reason="crash") == 0

    @in_reactor
    async def test_no_request_fails_and_none_is_done_twice(self) -> Any:
        statuses: set[int] = set()
        renewed = self.renewed(max_objects_in_get=1_000_000)
        asked: list[str] = []
        while not renewed.called:
            names = [f"m{len(asked) + n}" for n in range(5)]
            asked += names
            waiting = [*map(self.make_mailbox, names), *(self.ask(("Core/echo", {}, "0")) for _ in range(5))]
            assert self.pool.is_ready
            statuses |= {answer.status for _, answer in await DeferredList(waiting)}
        assert statuses == {200}
        assert sorted(name for name in await self.mailbox_names() if name[0] == "m") == sorted(asked)

    @in_reactor
    async def test_there_may_be_more_or_fewer_of_them(self) -> Any:
        await self.renewed(readers=3)
        assert len(self.pool.crew.readers) == 3
        await self.renewed(readers=2)
        assert len(self.pool.crew.readers) == 2
        assert await self.get(1) == "none"

    @in_reactor
    async def test_the_same_settings_leave_the_workers_alone(self) -> Any:
        before = self.pids()
        await self.pool.renew(self.pool.crew.settings, readers=2, hard_deadline=7.0)
        assert self.pids() == before

    @in_reactor
    async def test_more_requests_of_a_user_may_run_at_once(self) -> Any:
        await self.renewed(max_concurrent_requests=7)
        assert self.pool._turns.most == 7
        assert self.pool.limits.max_concurrent_requests == 7

    @in_reactor
    async def test_a_worker_that_does_not_end_is_killed(self) -> Any:
        (old,) = [one for one in (self.pool.crew.writer,) if one is not None]
        stop(old)
        await self.renewed(max_objects_in_get=1)
        assert self.pool.crew.writer is not old
        assert responses(await self.make_mailbox("after"))[0][1]["created"]

    @in_reactor
    async def test_a_new_reader_that_ends_is_replaced_before_the_old_ones_go(self) -> Any:
        before = list(self.pool.crew.readers)
        renewed = self.renewed(max_objects_in_get=1)
        new = next(one for one in self.pool.crew.readers if one not in before)
        new.kill()
        await renewed
        assert len(self.pool.crew.readers) == 2
        assert new not in self.pool.crew.readers
        assert await self.get(2) == "requestTooLarge"

    @in_reactor
    async def test_a_worker_that_cannot_be_started_is_tried_again(self) -> Any:
        (writer,) = [one for one in (self.pool.crew.writer,) if one is not None]
        tried: list[Worker] = []
        start = Worker.start

        def fail_twice(worker: Worker, settings: WorkerSettings, lock: int | None) -> None:
            tried.append(worker)
            if len(tried) <= 2:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            start(worker, settings, lock)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Worker, "start", fail_twice)
            writer.kill()
            assert responses(await self.make_mailbox("after"))[0][1]["created"]
        assert len(tried) == 3

    @in_reactor
    async def test_a_stop_meanwhile_ends_them_all(self) -> Any:
        before = self.pids()
        self.renewed(max_objects_in_get=1)
        during = self.pids()
        await self.pool.stopService()
        assert all(not alive(pid) for pid in before | during)
        # what the test's own end does once more
        self.pool.startService()
        await self.pool.ready()


def stop(worker: Worker) -> None:
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)


def alive(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
