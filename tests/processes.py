"""How the tests are shared out to processes (pytest-xdist), where there are several."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it has no types

ATTACKS = "tests/attacks/"


class ByFile(LoadFileScheduling):  # type: ignore[misc]
    """Each process gets whole files, and one of them all attacks: two at once would be more than each stands for."""

    def _split_scope(self, nodeid: str) -> str:
        scope: str = ATTACKS if nodeid.startswith(ATTACKS) else super()._split_scope(nodeid)
        return scope
