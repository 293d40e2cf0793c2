"""How an import tells how far it is, where there is no terminal."""

from __future__ import annotations

import io

from twisted.internet.task import Clock

from jmapd.ctl.progress import Lines, progress


def test_a_line_now_and_then() -> None:
    clock, out = Clock(), io.StringIO()
    lines = Lines(10_000_000, out, clock=clock.seconds)
    for number in range(1, 26):
        clock.advance(1)
        lines.advance(100_000, number * 50)
    assert out.getvalue().splitlines() == [
        "500 messages, 1 of 10 MB, 50/s, about 90 s left",
        "1,000 messages, 2 of 10 MB, 50/s, about 80 s left",
    ]


def test_a_bar_is_for_terminals() -> None:
    assert isinstance(progress(1, io.StringIO()), Lines)
