"""One line of the log for each login that failed, as long as they are not too many."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

MAX_LINES = 60
"""Lines in one `PERIOD`."""

PERIOD = 60.0

_SHOWN = 100
_log = Logger()


class Failures:
    """Tells of failed logins, never of what was said in proof.

    :param reactor: tells the time.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._since = 0.0
        self._lines = 0

    def tell(self, who: str, address: str, *, disabled: bool = False) -> None:
        """A login has failed.

        :param who: the user's name, as it was said.
        :param address: the client's.
        :param disabled: whether that user is, so that nothing would have let them in.
        """
        now = self._reactor.seconds()
        if not self._since <= now < self._since + PERIOD:
            if self._lines > MAX_LINES:
                _log.info("{more} more logins failed before", more=self._lines - MAX_LINES)
            self._since, self._lines = now, 0
        self._lines += 1
        if self._lines <= MAX_LINES:
            # quoted, so that a name cannot look like a line of its own
            line = "login failed: {who!r} from {address}" + (" (the account is disabled)" if disabled else "")
            _log.info(line, who=who[:_SHOWN], address=address or "a local socket")
