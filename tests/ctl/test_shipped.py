"""What `jmapctl` prints of what comes with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ctl.installation import Installation

ROOT = Path(__file__).parents[2]


@pytest.fixture
def on_path(tmp_path: Path) -> dict[str, str]:
    """An environment with a jmapctl that hands on what it is given, as the Debian package's does."""
    script = tmp_path / "bin" / "jmapctl"
    script.parent.mkdir()
    program = "from jmapd.ctl import main; main(prog_name='jmapctl')"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{program}" --config x.toml "$@"\n')
    script.chmod(0o755)
    return {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{script.parent}:{os.environ['PATH']}"}


def test_bash_completes_commands_and_options(on_path: dict[str, str]) -> None:
    script = """
        source <(jmapctl completion bash)
        for words in "jmapctl acc" "jmapctl check --" "jmapctl account sh"; do
            COMP_WORDS=($words) COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
            _jmapctl_completion jmapctl
            echo "${COMPREPLY[*]}"
        done
    """
    done = subprocess.run(["bash", "-c", script], env=on_path, text=True, capture_output=True, timeout=60)
    assert done.stdout.splitlines() == ["account", "--repair --help", "share"], done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_others_take_what_is_printed(here: Installation, tmp_path: Path, shell: str) -> None:
    said = here.run("completion", shell)
    assert f"_JMAPCTL_COMPLETE={shell}_complete" in said
    if shutil.which(shell) is not None:
        (tmp_path / "script").write_text(said)
        subprocess.run([shell, "--no-execute", str(tmp_path / "script")], check=True, timeout=60)


def test_a_path_that_systemd_would_take_apart_is_quoted(here: Installation, tmp_path: Path) -> None:
    odd = tmp_path / 'a "b" 100%'
    command = [sys.executable, "-m", "jmapd.ctl", "--config", str(odd), "units"]
    said = subprocess.run(command, text=True, capture_output=True, check=True, timeout=60).stdout
    assert f'--config "{tmp_path}/a \\"b\\" 100%%"\n' in said
    assert "/usr/lib/jmapd" not in said


def test_units_that_cannot_be_written_are_one_line(here: Installation, tmp_path: Path) -> None:
    (tmp_path / "jmapd.service").mkdir()
    said = here.run("units", "--write", str(tmp_path), status=1)
    assert said == f"{tmp_path / 'jmapd.service'}: Is a directory\n"
