"""A real store in a folder of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jmapd.store.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/store.sqlite", tmp_path, writable=True)
    yield opened
    opened.database.close()
