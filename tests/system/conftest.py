"""Servers for the tests of the whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server with one account."""
    made = Server(tmp_path)
    made.start()
    made.add_account()
    yield made
    if made.running():
        made.kill()
