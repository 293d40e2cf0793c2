"""What tests of several rooms share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import Engine, engine


@pytest.fixture
def jmap(tmp_path: Path) -> Iterator[Engine]:
    """The workers' side with one account, in this process."""
    with engine(tmp_path) as made:
        yield made
