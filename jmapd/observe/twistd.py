"""How twistd is told to log our way.

twistd takes an application's own observer, where it has one, before any that its options name; so that its
``--logfile`` keeps its meaning, what it says is read here. ``--logger`` and ``--syslog`` leave all to twistd.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from twisted.application.service import MultiService
from twisted.logger import ILogObserver, LogEvent
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile

from jmapd.observe.behind import Behind
from jmapd.observe.descriptors import Descriptors
from jmapd.observe.lines import Lines, Text, json_line

_DEFAULT_FILE = "twistd.log"


class LoggedService(MultiService):
    """Holds the server's service, and gives the application that it is put into its observer.

    :param options: those of twistd itself; ``None`` where something else runs the service.
    :param level: the name of the least level that is logged.
    :param json: whether each line is a JSON object.
    """

    def __init__(self, reactor: Any, options: Mapping[str, Any] | None, level: str, json: bool) -> None:
        super().__init__()
        self._reactor = reactor
        self._options = options
        self._level = level
        self._json = json
        self._behind: Behind | None = None
        self._lines: Lines | None = None

    def set(self, level: str, json: bool) -> None:
        """Have another level and another form be in force."""
        self._level, self._json = level, json
        if self._lines is not None:
            self._lines.set(level, self._render())

    def _render(self) -> Callable[[LogEvent], str | None]:
        return json_line if self._json else Text()

    def setServiceParent(self, parent: Any) -> None:
        """Be part of an application; twistd begins to log right after this."""
        super().setServiceParent(parent)
        options = self._options
        if options is None or options.get("syslog") or not isinstance(parent, Componentized):
            return
        self._behind = self._stream(options)
        self._lines = Lines(self._behind, self._level, self._render())
        parent.setComponent(ILogObserver, Descriptors(self._lines))

    def startService(self) -> None:
        """The process has its last identity: from now on nobody waits for the log."""
        if self._behind is not None:
            self._behind.start()
            self._reactor.addSystemEventTrigger("after", "shutdown", self._behind.stop)
        super().startService()

    def _stream(self, options: Mapping[str, Any]) -> Behind:
        """Where twistd would log, by its own rules."""
        name = options.get("logfile") or ("-" if options.get("nodaemon") else _DEFAULT_FILE)
        if name == "-":
            if not options.get("nodaemon"):
                sys.exit("Daemons cannot log to stdout, exiting!")
            return Behind(sys.stdout)
        file: Any = LogFile.fromFullPath(name)
        behind = Behind(file)
        if not signal.getsignal(signal.SIGUSR1):
            signal.signal(signal.SIGUSR1, lambda *_: self._reactor.callFromThread(behind.do, file.rotate))
        return behind
