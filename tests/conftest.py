"""What tests of several rooms share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet import reactor

from tests.conformance import Conformance
from tests.engine import Engine, engine
from tests.processes import ByFile


@pytest.fixture
def jmap(tmp_path: Path) -> Iterator[Engine]:
    """The workers' side with one account, in this process."""
    with engine(tmp_path) as made:
        yield made


@pytest.fixture(scope="session", autouse=True)
def threads_end() -> Iterator[None]:
    """The reactor's threads would keep the test run from ending: no test lets the reactor shut down."""
    yield
    cast(Any, reactor).getThreadPool().stop()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the file that tells what the tests hold of the RFCs."""
    parser.addoption("--conformance", type=Path, metavar="FILE", help="write what the tests say of the RFCs' sections")


def pytest_configure(config: pytest.Config) -> None:
    """Have the file written, if it is wanted."""
    path = config.getoption("--conformance")
    # a process that tests are given to by another hears of its own alone
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Conformance(path))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Share the tests out, where several processes run them."""
    return ByFile(config, log)
