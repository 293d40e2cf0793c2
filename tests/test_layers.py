"""The design's arrows, held: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "jmapd").rglob("*.py"))
}

WORKER_SETTINGS = "jmapd.workers.settings"
CLIENT = "jmapd.workers.client"
ARCHIVE = "jmapd.workers.archive"
CHECKING = "jmapd.workers.checking"
BOUNDS = ("jmapd.web.bounds", "jmapd.web.deflate")
PRINCIPAL = "jmapd.auth.principal"
"""A value without imports of ours: `submit(principal, …)` names it, on whichever floor."""

CREDENTIALS = ("jmapd.auth.token", "jmapd.auth.hashes")
"""Values too: `jmapctl` makes tokens and reads hashes, and the front checks them."""

ALLOWED = {
    "jmapd.protocol": (),
    "jmapd.observe": (),
    "jmapd.message": ("jmapd.protocol",),
    "jmapd.store": ("jmapd.protocol",),
    "jmapd.methods": ("jmapd.protocol", "jmapd.store"),
    # a data type plugs into the methods: it knows their descriptor and what a call is handed
    "jmapd.datatypes": ("jmapd.protocol", "jmapd.message", "jmapd.store", "jmapd.methods"),
    # what a worker is told, and what a connection may take, are values that the configuration makes
    "jmapd.config": ("jmapd.protocol", WORKER_SETTINGS, *BOUNDS),
    "jmapd.auth": ("jmapd.protocol", "jmapd.workers", "jmapd.observe"),
    "jmapd.push": ("jmapd.protocol", "jmapd.workers", "jmapd.observe"),
    "jmapd.web": ("jmapd.protocol", "jmapd.workers", "jmapd.auth", "jmapd.push", "jmapd.observe"),
    "jmapd.http2": ("jmapd.protocol", "jmapd.workers", "jmapd.auth", "jmapd.push", "jmapd.web", "jmapd.observe"),
    "jmapd.ctl": ("jmapd.protocol", "jmapd.config", CLIENT, ARCHIVE, CHECKING, *CREDENTIALS),
    "jmapd.demo": ("jmapd.config", "jmapd.ctl", CLIENT, "jmapd.auth.hashes", "jmapd.demo_mail"),
    "jmapd.demo_mail": (),
    "jmapd.readings": ("jmapd.workers", "jmapd.web", "jmapd.observe"),
    "jmapd.listeners": ("jmapd.config", "jmapd.workers", "jmapd.web", "jmapd.observe"),
    "jmapd.reload": ("jmapd.config", "jmapd.workers", "jmapd.auth", "jmapd.push", "jmapd.web", "jmapd.observe"),
    "jmapd.service": (
        "jmapd.protocol", "jmapd.config", "jmapd.workers", "jmapd.auth", "jmapd.push", "jmapd.web", "jmapd.http2",
        "jmapd.observe", "jmapd.readings", "jmapd.listeners", "jmapd.reload", "jmapd.supervisor",
    ),
    "jmapd.supervisor": (),
    "jmapd.tap": ("jmapd.config", "jmapd.service", "jmapd.observe"),
}  # fmt: skip
"""For each room the rooms it may look into, beside itself."""

FRONT_OF_WORKERS = (
    "pool",
    "crew",
    "employer",
    "control",
    "transfers",
    "turns",
    "worker",
    "recovery",
    "renewal",
    "sweeper",
)
"""The modules of `jmapd.workers` that are the front's."""

BEHIND = ("jmapd.protocol", "jmapd.message", "jmapd.store", "jmapd.methods", "jmapd.datatypes", "jmapd.workers")
"""What runs in a worker, or in both."""

REACTOR = ("jmapd.tap", "jmapd.ctl.live")
"""Where a process begins: nobody else may take the global reactor."""


def imports(name: str) -> Iterator[str]:
    """All that a module imports, wherever in it, by full names."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{origin}.{one.name}" for one in node.names)


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def room_of(name: str) -> str | None:
    return next((room for room in ALLOWED if within(name, room)), None)


def behind(name: str) -> bool:
    """Whether a module runs in a worker."""
    front = [f"jmapd.workers.{one}" for one in FRONT_OF_WORKERS]
    return any(within(name, room) for room in BEHIND) and not any(within(name, one) for one in front)


def test_every_module_has_a_room() -> None:
    outside = [name for name in MODULES if room_of(name) is None and not within(name, "jmapd.workers")]
    assert outside == ["jmapd"]


@pytest.mark.parametrize("name", [name for name in MODULES if room_of(name)])
def test_arrows_point_down(name: str) -> None:
    room = room_of(name)
    assert room
    up = [
        one
        for one in imports(name)
        if within(one, "jmapd") and not any(within(one, to) for to in (room, *ALLOWED[room]))
    ]
    assert [one for one in up if one != "jmapd.__version__"] == []


@pytest.mark.parametrize("name", [name for name in MODULES if within(name, "jmapd.workers")])
def test_the_two_sides_of_the_workers(name: str) -> None:
    above = ("jmapd.config", "jmapd.auth", "jmapd.web", "jmapd.ctl", "jmapd.service", "jmapd.tap")
    if behind(name):
        forbidden = (*above, "jmapd.push", "jmapd.observe", *(f"jmapd.workers.{one}" for one in FRONT_OF_WORKERS))
    else:
        forbidden = (*above, "jmapd.store", "jmapd.methods", "jmapd.datatypes", "jmapd.message")
    up = [one for one in imports(name) if any(within(one, room) for room in forbidden)]
    assert [one for one in up if behind(name) or not within(one, PRINCIPAL)] == []


@pytest.mark.parametrize("name", [PRINCIPAL, *CREDENTIALS])
def test_values_have_no_imports_of_ours(name: str) -> None:
    assert [one for one in imports(name) if within(one, "jmapd")] == []


@pytest.mark.parametrize("name", [name for name in MODULES if behind(name)])
def test_no_twisted_behind_the_channel(name: str) -> None:
    assert [one for one in imports(name) if one.split(".")[0] in ("twisted", "autobahn", "treq", "txaio")] == []


@pytest.mark.parametrize("name", [name for name in MODULES if name not in REACTOR])
def test_nobody_takes_the_global_reactor(name: str) -> None:
    assert [one for one in imports(name) if one in ("twisted.internet.reactor", "twisted.internet.task.react")] == []


def test_the_workers_side_has_no_reactor_when_loaded() -> None:
    script = "import sys, jmapd.workers.process; sys.exit(any(name.split('.')[0] == 'twisted' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=60).returncode == 0
