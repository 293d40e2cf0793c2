"""Methods called in this process, and over each transport of a whole server, by the same tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.caller import Caller
from tests.engine import Engine, engine
from tests.remote import Remote
from tests.system.server import Server

IN_PROCESS, TRANSPORTS = "in process", ("http", "websocket")


@pytest.fixture(scope="session")
def common_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that many tests share, each with a user of its own."""
    server = Server(tmp_path_factory.mktemp("common"))
    server.start()
    yield server
    assert server.stop()


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Engine]:
    """The workers' side with one account, for tests that look inside."""
    with engine(tmp_path) as made:
        yield made


@pytest.fixture(params=[IN_PROCESS, *TRANSPORTS])
def jmap(request: pytest.FixtureRequest) -> Iterator[Caller]:
    """One account: of the workers' side in this process, and of a whole server over each transport."""
    if request.param == IN_PROCESS:
        yield request.getfixturevalue("inside")
        return
    remote = Remote(request.getfixturevalue("common_server"), request.param)
    yield remote
    remote.close()
