"""Log lines, as text and as JSON."""

from __future__ import annotations

import io
import json

import pytest
from twisted.internet.task import Clock
from twisted.logger import Logger, LogPublisher, formatEvent

from jmapd.observe.access import LONGEST, AccessLog, shown
from jmapd.observe.descriptors import Descriptors
from jmapd.observe.lines import Lines, Text, json_line

EVENT = {"log_time": 1_767_225_600.123, "log_namespace": "jmapd.test"}


def logged(render: object, level: str = "info") -> tuple[Logger, io.StringIO]:
    stream = io.StringIO()
    return Logger("jmapd.test", observer=LogPublisher(Lines(stream, level, render))), stream  # type: ignore[arg-type]


def test_a_json_line_has_its_time_level_namespace_and_message() -> None:
    line = json_line({**EVENT, "log_format": "{a} and {b}", "a": 1, "b": "x\ny\udc80"})
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "time": "2026-01-01T00:00:00.123Z",
        "level": "info",
        "namespace": "jmapd.test",
        "message": "1 and x\ny\\udc80",
    }


def test_a_failure_has_its_traceback() -> None:
    log, stream = logged(json_line)
    try:
        raise ValueError("wrong")
    except ValueError:
        log.failure("something failed")
    said = json.loads(stream.getvalue())
    assert (said["level"], said["message"]) == ("critical", "something failed")
    assert said["traceback"].startswith("Traceback")
    assert "ValueError: wrong" in said["traceback"]


@pytest.mark.parametrize("level", ["debug", "info", "warn", "error", "critical"])
def test_what_is_below_the_level_is_not_logged(level: str) -> None:
    log, stream = logged(json_line, level)
    names = ["debug", "info", "warn", "error", "critical"]
    for name in names:
        getattr(log, name)("x")
    assert [json.loads(line)["level"] for line in stream.getvalue().splitlines()] == names[names.index(level) :]


def test_what_another_server_could_have_written_at_will_is_not_logged() -> None:
    publisher, stream = LogPublisher(), io.StringIO()
    publisher.addObserver(Lines(stream, "debug", Text()))
    noisy = Logger("twisted.web._newclient.HTTPClientParser", observer=publisher)
    noisy.info("Ignoring unexpected {code} response", code=103)
    assert stream.getvalue() == ""
    noisy.warn("this is another matter")
    assert "another matter" in stream.getvalue()


def access(**changed: object) -> dict[str, object]:
    """What a request's event is."""
    return {**EVENT, "log_format": "{text}", "text": "a line", "kind": "request", "fields": {"status": 200}, **changed}


def test_an_access_line_is_text_or_fields() -> None:
    assert json.loads(json_line(access())) == {
        "time": "2026-01-01T00:00:00.123Z",
        "level": "info",
        "namespace": "jmapd.test",
        "message": "request",
        "status": 200,
    }
    render = Text()
    line = render(access())
    assert line is not None
    assert line.endswith(" [access] a line\n")
    assert line.startswith("202")
    other = render(access(log_time=1_767_225_601.0))
    assert other is not None
    assert other[:24] != line[:24]


def test_a_plain_event_looks_as_twistd_has_it() -> None:
    log, stream = logged(Text())
    log.warn("one\ntwo {x}", x=3)
    first, second = stream.getvalue().splitlines()
    assert first.endswith("[jmapd.test#warn] one")
    assert second == "\ttwo 3"


def test_what_comes_from_outside_is_shortened_and_cannot_make_lines() -> None:
    assert shown(b"/a b") == "/a b"
    assert shown(b"/a\r\nINFO\x1b[0m\x00") == "/a\\x0d\\x0aINFO\\x1b[0m\\x00"
    assert shown("/ü".encode()) == "/\\xc3\\xbc"
    assert shown(b"x" * LONGEST) == "x" * LONGEST
    assert shown(b"x" * (LONGEST + 1)) == "x" * LONGEST + "…"


def test_an_access_log_that_is_not_wanted_says_nothing() -> None:
    AccessLog(False).request("192.0.2.1", None, b"GET", b"/", "HTTP/1.1", 200, 1, 0.1)


def test_no_descriptors_are_a_line_a_minute_and_not_three_for_each_connection() -> None:
    said: list[tuple[str, str]] = []
    clock = Clock()
    publisher = LogPublisher(
        Descriptors(lambda event: said.append((event["log_level"].name, formatEvent(event))), clock.seconds)
    )
    port, other = (Logger(name, observer=publisher) for name in ("twisted.internet.tcp.Port", "jmapd.test"))
    for seconds in (5.0, 1.0, 58.0, 1.0):
        clock.advance(seconds)
        port.info("EMFILE encountered; releasing reserved file descriptor.")
        port.info("EMFILE recovery: Closed socket from {address}", address=("127.0.0.1", 1))
        port.info("Re-reserving EMFILE recovery file descriptor.")
        other.info("EMFILE of ours")
    summary = "no file descriptor is left (LimitNOFILE): new connections are closed, {} by now"
    assert [one for one in said if one[0] == "warn"] == [("warn", summary.format(1)), ("warn", summary.format(3))]
    assert said.count(("info", "EMFILE of ours")) == 4
    assert len(said) == 6
