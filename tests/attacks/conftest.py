"""One server for all attacks: it has to live through them."""

from collections.abc import Iterator

import pytest

from tests.attacks.witness import HONEST
from tests.system.server import Server

MORE = """
[server.bounds]
header-timeout = "2s"
[workers]
count = 2
"""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with two accounts."""
    made = Server(tmp_path_factory.mktemp("attacked"), throttle="100ms", more=MORE)
    made.start()
    made.add_account()
    made.add_account(HONEST)
    yield made
    # nothing of it was met with a traceback
    assert made.stop()
    assert "Traceback" not in "".join(made.log)
