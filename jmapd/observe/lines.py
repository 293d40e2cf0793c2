"""The log as text or as JSON: one ILogObserver, which writes a line for each event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    eventAsText,
    formatEvent,
    formatEventAsClassicLogText,
    formatTime,
)
from zope.interface import implementer

from jmapd.observe.access import FIELDS, TEXT
from jmapd.observe.behind import Stream

NOISY = {"twisted.web._newclient.HTTPClientParser": LogLevel.warn}
"""Namespaces of libraries in which another's server could have lines written at will, and the least level that is logged."""


@implementer(ILogObserver)
class Lines:
    """Writes events of a level and above.

    :param render: makes an event's line, or nothing where there is nothing to say.
    """

    def __init__(self, stream: Stream, level: str, render: Callable[[LogEvent], str | None]) -> None:
        self._stream = stream
        self.set(level, render)

    def set(self, level: str, render: Callable[[LogEvent], str | None]) -> None:
        """Have another level and another form be in force."""
        self._levels = {one for one in LogLevel.iterconstants() if one >= LogLevel.levelWithName(level)}
        self._render = render

    def __call__(self, event: LogEvent) -> None:
        """Write an event."""
        level = event.get("log_level", LogLevel.info)
        if level not in self._levels or level < NOISY.get(event.get("log_namespace", ""), level):
            return
        line = self._render(event)
        if line:
            self._stream.write(line)
            self._stream.flush()


class Text:
    """Lines as twistd's own log has them."""

    def __init__(self) -> None:
        self._second = 0
        self._time = ""

    def __call__(self, event: LogEvent) -> str | None:
        """The line of an event."""
        if FIELDS not in event:
            return formatEventAsClassicLogText(event)
        # what comes thousands of times a second, the short way
        now = int(event["log_time"])
        if now != self._second:
            self._second, self._time = now, formatTime(now)
        return f"{self._time} [access] {event[TEXT]}\n"


def json_line(event: LogEvent) -> str:
    """An event as a JSON object, with its time in RFC 3339's form."""
    when = datetime.fromtimestamp(event["log_time"], UTC).isoformat(timespec="milliseconds")
    said: dict[str, Any] = {
        "time": f"{when.removesuffix('+00:00')}Z",
        "level": event.get("log_level", LogLevel.info).name,
        "namespace": event.get("log_namespace", ""),
    }
    if FIELDS in event:
        said |= {"message": event["kind"], **event[FIELDS]}
    else:
        said["message"] = _encodable(formatEvent(event))
        if "log_failure" in event:
            text = eventAsText(event, includeTimestamp=False, includeSystem=False)
            said["traceback"] = _encodable(text.removeprefix(formatEvent(event)).strip())
    return f"{orjson.dumps(said).decode()}\n"


def _encodable(text: str) -> str:
    """Without lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()
