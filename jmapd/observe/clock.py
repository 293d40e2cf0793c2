"""Two clocks: one that goes evenly, for all that waits, and the time of day, which others know too.

The machine's clock may be put right by hours while the server runs. Twisted's reactor goes by it: nothing would be pushed
or pinged for those hours, or everybody disconnected.
"""

from __future__ import annotations

import time
from typing import Any


def make_steady(reactor: Any) -> None:
    """Have a reactor's clock go evenly from the present time of day on; it keeps the time of day beside that."""
    begun = time.time() - time.monotonic()
    reactor.seconds = lambda: begun + time.monotonic()
    reactor.time_of_day = time.time


def time_of_day(clock: Any) -> float:
    """Seconds since 1970 by the machine's clock.

    :param clock: an IReactorTime; one that has not been made steady has just one time.
    """
    told: float = getattr(clock, "time_of_day", clock.seconds)()
    return told
