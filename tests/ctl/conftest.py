from __future__ import annotations

from pathlib import Path

import pytest

from tests.ctl.installation import Installation


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    (tmp_path / "jmapd.toml").write_text(f'[server]\nhostname = "example.org"\ndata-dir = "{tmp_path}/data"\n')
    return Installation(tmp_path)


@pytest.fixture
def anna(here: Installation) -> Installation:
    here.run("account", "add", "anna", "--password-stdin", says="secret\n")
    return here
