"""A worker's process, whose front goes away."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
from pathlib import Path

from jmapd.workers.settings import WorkerSettings


def test_a_worker_ends_without_a_word_whose_front_is_gone_before_it_has_heard_it(tmp_path: Path) -> None:
    settings = WorkerSettings(f"sqlite:///{tmp_path}/store.sqlite", str(tmp_path), writer=True)
    front, back = socket.socketpair()
    with front, back:
        process = subprocess.Popen(
            [sys.executable, "-m", "jmapd.workers.process", settings.to_json(), str(back.fileno())],
            pass_fds=(back.fileno(),),
            stderr=subprocess.PIPE,
            text=True,
        )
        # it has said that it is ready, and that is never read
        assert select.select([front], [], [], 60)[0]
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
