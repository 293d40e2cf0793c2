"""How far an import or a backup is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TextIO

import attrs
from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0


class Progress(Protocol):
    """What something that takes its time tells about itself."""

    def advance(self, octets: int, things: int) -> None:
        """So much more is done, so many things it is now."""

    def say(self, line: str) -> None:
        """Print a line that stays."""

    def close(self) -> None:
        """Nothing more will come."""


def progress(total: int, out: TextIO, things: str = "messages") -> Progress:
    """The way of showing it that suits where it goes.

    :param total: octets, about.
    :param things: what is counted beside octets.
    """
    return Bar.over(total, out, things) if out.isatty() else Lines(total, out, things)


@attrs.frozen
class Bar:
    """A bar with rate and time left."""

    bar: tqdm[None]
    out: TextIO
    things: str

    @classmethod
    def over(cls, total: int, out: TextIO, things: str = "messages") -> Bar:
        """A bar that is full at so many octets."""
        bar = tqdm(total=total, unit="B", unit_scale=True, file=out, dynamic_ncols=True, smoothing=0.05)
        return cls(bar, out, things)

    def advance(self, octets: int, things: int) -> None:
        """Lengthen the bar."""
        elapsed = self.bar.format_dict["elapsed"] or 1
        self.bar.set_postfix_str(f"{things:,} {self.things}, {things / elapsed:,.0f}/s", refresh=False)
        self.bar.update(octets)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self.bar.write(line, file=self.out)

    def close(self) -> None:
        """Leave the bar where it is."""
        self.bar.close()


@attrs.define
class Lines:
    """A line now and then, with rate and time left.

    :param clock: seconds that only grow.
    """

    total: int
    out: TextIO
    things: str = "messages"
    clock: Callable[[], float] = time.monotonic
    _started: float = attrs.field(init=False)
    _said: float = attrs.field(init=False)
    _done: int = attrs.field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self._started = self._said = self.clock()

    def advance(self, octets: int, things: int) -> None:
        """Count, and say so if it is time."""
        self._done += octets
        now = self.clock()
        if now - self._said < _SECONDS_BETWEEN_LINES:
            return
        self._said = now
        rate = self._done / (now - self._started)
        left = max(0, self.total - self._done) / rate if rate else 0
        self.say(f"{things:,} {self.things}, {self._done / 1e6:,.0f} of {self.total / 1e6:,.0f} MB, "
                 f"{things / (now - self._started):,.0f}/s, about {left:,.0f} s left")  # fmt: skip

    def say(self, line: str) -> None:
        """Print a line."""
        print(line, file=self.out, flush=True)

    def close(self) -> None:
        """Nothing is left to say."""
