from __future__ import annotations

from pathlib import Path

import pytest

from tests.ctl.installation import Installation, add_anna, installation


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return installation(tmp_path)


@pytest.fixture
def anna(here: Installation) -> Installation:
    add_anna(here)
    return here
