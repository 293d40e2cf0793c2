"""Flow control (RFC 9113 section 5.2): whatever the order, what is sent is what was written, in order, within the windows."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jmapd.web.bounds import Bounds
from jmapd.web.request import Request
from tests.http2.memory import (
    ACK,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    Held,
    Wire,
    block,
    frame,
    initial_window,
    window,
)

STREAMS = (1, 3, 5)
PICK = st.sampled_from(STREAMS)
SIZES = st.sampled_from([1, 100, 16_384, 16_385, 65_535, 70_000, 200_000])
WINDOWS = st.sampled_from([1, 100, 16_384, 65_535, 300_000])
# the frames that the test itself sends are no flood
MANY = Bounds(max_bare_frames=10**6, max_settings=10**6, max_resets=10**6)


class Flow(RuleBasedStateMachine):
    """A client that keeps account of what it has allowed, and a server that writes."""

    @initialize()
    def start(self) -> None:
        self.wire = Wire(Held, MANY)
        self.wire.give(PREFACE + frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0))
        for stream in STREAMS:
            self.wire.give(frame(HEADERS, END_HEADERS | END_STREAM, stream, block(b"GET")))
        self.requests: dict[int, Request] = dict(zip(STREAMS, self.wire.site.anything.requests, strict=True))
        for request in self.requests.values():
            request.begin_response(200, 10**9, {})
        self.written = dict.fromkeys(STREAMS, b"")
        self.initial = INITIAL
        self.room = dict.fromkeys(STREAMS, INITIAL)
        self.common = INITIAL
        self.gone: set[int] = set()
        self.finished: set[int] = set()
        self.held = False
        self.next = 0

    def teardown(self) -> None:
        if hasattr(self, "wire"):
            self.finish_all()
            self.wire.lose()

    def writable(self, stream: int) -> bool:
        return stream not in self.gone | self.finished

    @rule(stream=PICK, size=SIZES)
    def write(self, stream: int, size: int) -> None:
        if self.writable(stream):
            # each octet is another than its neighbours, and each stream begins elsewhere
            data = bytes((self.next + stream + number) % 251 for number in range(size))
            self.next += size
            self.written[stream] += data
            self.requests[stream].write(data)

    @rule(stream=PICK)
    def end(self, stream: int) -> None:
        if self.writable(stream):
            self.finished.add(stream)
            self.requests[stream].end_response()

    @rule(stream=PICK, size=WINDOWS)
    @precondition(lambda self: not self.held)
    def open_window(self, stream: int, size: int) -> None:
        if stream not in self.gone and self.room[stream] + size < 2**31:
            self.room[stream] += size
            self.wire.give(window(stream, size))

    @rule(size=WINDOWS)
    @precondition(lambda self: not self.held)
    def open_common_window(self, size: int) -> None:
        self.common += size
        self.wire.give(window(0, size))

    @rule(size=st.sampled_from([0, 1, 1000, INITIAL, 400_000]))
    @precondition(lambda self: not self.held)
    def change_initial_window(self, size: int) -> None:
        """A window may become negative by it (section 6.9.2)."""
        for stream in STREAMS:
            self.room[stream] += size - self.initial
        self.initial = size
        self.wire.give(initial_window(size))

    @rule(stream=PICK)
    @precondition(lambda self: not self.held)
    def reset(self, stream: int) -> None:
        if len(self.gone) < 1:
            self.gone.add(stream)
            self.wire.give(frame(RST_STREAM, 0, stream, bytes(4)))

    @rule()
    @precondition(lambda self: not self.held)
    def hold(self) -> None:
        """The transport has more than it wants."""
        self.held = True
        self.wire.connection.pauseProducing()
        self.account()

    @rule()
    @precondition(lambda self: self.held)
    def go_on(self) -> None:
        self.held = False
        self.wire.connection.resumeProducing()

    @rule()
    def turn(self) -> None:
        before = {stream: len(self.wire.data[stream]) for stream in STREAMS}
        self.wire.turn()
        self.account()
        if self.held:
            assert before == {stream: len(self.wire.data[stream]) for stream in STREAMS}
            return
        for stream in set(STREAMS) - self.gone:
            stopped = self.room[stream] <= 0 or self.common <= 0
            assert stopped or self.wire.data[stream] == self.written[stream], "what may be sent waits"

    def account(self) -> None:
        for stream, size, _ in self.wire.take():
            self.room[stream] -= size
            self.common -= size
            assert size == 0 or self.room[stream] >= 0, "more than the stream's window"
            assert self.common >= 0, "more than the connection's window"

    @invariant()
    def what_was_sent_is_the_beginning_of_what_was_written(self) -> None:
        if hasattr(self, "wire"):
            self.account()
            assert not self.wire.over
            for stream in STREAMS:
                assert self.written[stream].startswith(self.wire.data[stream])

    def finish_all(self) -> None:
        """When all windows are open and all is read, all has come, and the streams have ended."""
        if self.held:
            self.go_on()
        for stream in STREAMS:
            self.end(stream)
            self.open_window(stream, 2**31 - 1 - max(self.room[stream], 0) - 1)
        self.common += 10**9
        self.wire.give(window(0, 10**9))
        self.wire.turn()
        self.account()
        for stream in set(STREAMS) - self.gone:
            assert self.wire.data[stream] == self.written[stream]
            assert stream in self.wire.ended


def test_rfc9113_5_2_what_is_written_is_sent_whole_in_order_and_within_the_windows() -> None:
    run_state_machine_as_test(Flow, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))
