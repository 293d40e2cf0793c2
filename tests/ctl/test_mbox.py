"""mbox files: where messages begin and end, and what their headers note (RFC 4155)."""

from __future__ import annotations

import mailbox
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.ctl.found import Found, Place, Skipped
from jmapd.ctl.mbox import Mbox, is_mbox

INBOX = Place(("Inbox",), "inbox")
LIMIT = 100_000

lines = st.lists(
    st.sampled_from(
        [b"", b"From here on", b">From me", b">>From x", b"text", b"From - ", b" From a", b"--", b"\xff\x00"]
    ),
    max_size=12,
)


def read(folder: Path, content: bytes, limit: int = LIMIT) -> list[Found | Skipped]:
    path = folder / "mbox"
    path.write_bytes(content)
    return list(Mbox(path, INBOX, limit).messages())


def raws(found: list[Found | Skipped]) -> list[bytes]:
    assert all(isinstance(one, Found) for one in found)
    return [one.raw for one in found if isinstance(one, Found)]


def one(folder: Path, header: str) -> Found:
    (found,) = read(folder, f"From a@b Thu Jan  1 00:00:01 1970\n{header}\nhello\n".encode())
    assert isinstance(found, Found)
    return found


@given(st.lists(lines, min_size=1, max_size=6))
def test_mboxrd_round_trip(tmp_path_factory: pytest.TempPathFactory, bodies: list[list[bytes]]) -> None:
    folder = tmp_path_factory.mktemp("mbox")
    messages = [
        b"Subject: %d\n\n" % number + b"".join(line + b"\n" for line in body) for number, body in enumerate(bodies)
    ]
    written = b""
    for message in messages:
        quoted = b"".join(
            b">" + line if line.lstrip(b">").startswith(b"From ") else line
            for line in message.splitlines(keepends=True)
        )
        written += b"From anna@example.org Mon Jan  5 10:00:00 2026\n" + quoted + b"\n"
    assert raws(read(folder, written)) == [message.replace(b"\n", b"\r\n") for message in messages]


def test_what_the_standard_library_writes(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "written")
    for number in range(50):
        message = mailbox.mboxMessage(f"Subject: {number}\n\nFrom here on\n\nFrom there\n".encode())
        message.set_flags("RO" if number % 2 else "F")
        message.set_from("anna@example.org", (2026, 1, 5, 10, 0, number, 0, 5, 0))
        box.add(message)
    box.close()
    found = list(Mbox(tmp_path / "written", INBOX, LIMIT).messages())
    assert raws(found) == [b"Subject: %d\r\n\r\nFrom here on\r\n\r\nFrom there\r\n" % number for number in range(50)]
    assert [sorted(one.keywords) for one in found[:2] if isinstance(one, Found)] == [["$flagged"], ["$seen"]]
    assert isinstance(found[7], Found)
    assert found[7].received_at == 1_767_607_207_000


def test_octets_add_up_to_the_file(tmp_path: Path) -> None:
    content = (
        b"From a Mon Jan  5 10:00:00 2026\nA: b\n\n" + b"x" * 70_000 + b"\n\nFrom a Mon Jan  5 10:00:01 2026\nA: b\n\n"
    )
    assert sum(one.octets for one in read(tmp_path, content)) == len(content)


def test_a_line_that_no_buffer_holds(tmp_path: Path) -> None:
    long = b"y" * (3 << 20)
    (found,) = read(tmp_path, b"From a Mon Jan  5 10:00:00 2026\nA: b\n\n" + long + b"\n", limit=1 << 23)
    assert isinstance(found, Found)
    assert found.raw == b"A: b\r\n\r\n" + long + b"\r\n"


def test_a_message_above_the_limit_is_skipped_and_the_next_is_read(tmp_path: Path) -> None:
    big = b"From a Mon Jan  5 10:00:00 2026\nA: b\n\n" + b"x\n" * LIMIT + b"\n"
    found = read(tmp_path, big + b"From a Mon Jan  5 10:00:00 2026\nA: c\n\n")
    assert isinstance(found[0], Skipped)
    assert "larger than" in found[0].why
    assert raws(found[1:]) == [b"A: c\r\n\r\n"]


def test_the_limit_itself(tmp_path: Path) -> None:
    message = b"A: b\n\nxx\n"
    separator = b"From a Mon Jan  5 10:00:00 2026\n"
    assert raws(read(tmp_path, separator + message, limit=len(message)))
    assert isinstance(read(tmp_path, separator + message, limit=len(message) - 1)[0], Skipped)


def test_from_lines_without_dates(tmp_path: Path) -> None:
    found = read(tmp_path, b"From - \nA: b\n\none\nFrom here\n\nFrom - \nA: c\n\ntwo\n")
    assert raws(found) == [b"A: b\r\n\r\none\r\nFrom here\r\n", b"A: c\r\n\r\ntwo\r\n"]
    assert isinstance(found[0], Found)
    assert found[0].received_at is None


def test_an_unquoted_from_in_text_is_text(tmp_path: Path) -> None:
    content = b"From a Mon Jan  5 10:00:00 2026\nA: b\n\none\n\nFrom here on it rains\n"
    assert raws(read(tmp_path, content)) == [b"A: b\r\n\r\none\r\n\r\nFrom here on it rains\r\n"]


@pytest.mark.parametrize(
    "date",
    [
        "Mon Jan  5 10:00:00 2026",
        "Mon Jan 05 11:00:00 2026 +0100",
        "Mon, 5 Jan 2026 10:00:00 +0000",
        "Mon Jan  5 10:00:00 UTC 2026",
    ],
)
def test_dates_of_from_lines(tmp_path: Path, date: str) -> None:
    (found,) = read(tmp_path, f"From anna at example.org  {date}\nA: b\n\n".encode())
    assert isinstance(found, Found)
    assert found.received_at == 1_767_607_200_000


def test_crlf_files(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        b"From a Mon Jan  5 10:00:00 2026\r\nA: b\r\n\r\none\r\n\r\nFrom a Mon Jan  5 10:00:00 2026\r\nA: c\r\n\r\n",
    )
    assert raws(found) == [b"A: b\r\n\r\none\r\n", b"A: c\r\n\r\n"]


def test_what_is_no_message(tmp_path: Path) -> None:
    found = read(tmp_path, b"From a Mon Jan  5 10:00:00 2026\n\n\x00\xff\n\nFrom a Mon Jan  5 10:00:00 2026\n")
    assert [isinstance(one, Skipped) and one.why for one in found] == ["has no header: it is no message"] * 2


@given(st.binary(max_size=400))
def test_any_octets(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    read(tmp_path_factory.mktemp("mbox"), b"From a Mon Jan  5 10:00:00 2026\n" + octets)


@pytest.mark.parametrize(
    ("header", "keywords"),
    [
        ("Status: RO\n", {"$seen"}),
        ("Status: O\nX-Status: AF\n", {"$answered", "$flagged"}),
        ("X-Status: T\nX-Keywords: Junk  $MDNSent bad{word\n", {"$draft", "junk", "$mdnsent"}),
        ("X-Mozilla-Status: 1003\n", {"$seen", "$answered", "$forwarded"}),
        ("X-Gmail-Labels: Inbox,Starred\n", {"$seen", "$flagged"}),
        ("X-Gmail-Labels: Inbox,Unread\n", set()),
        ("X-Mozilla-Status: zz\n", set()),
    ],
)
def test_keywords(tmp_path: Path, header: str, keywords: set[str]) -> None:
    assert one(tmp_path, f"A: b\n{header}").keywords == keywords


def test_a_stores_own_notes_are_no_part_of_the_message(tmp_path: Path) -> None:
    header = "A: b\nStatus: RO\nX-Keywords: a\n  b\nContent-Length: 5\nZ: status\n"
    assert one(tmp_path, header).raw == b"A: b\r\nZ: status\r\n\r\nhello\r\n"


def test_what_is_deleted_or_internal_is_left_out_silently(tmp_path: Path) -> None:
    separator = b"From MAILER-DAEMON Thu Jan  1 00:00:01 1970\n"
    internal = b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\nx\n\n"
    found = read(tmp_path, separator + internal + separator + b"A: b\nX-Mozilla-Status: 0009\n\n")
    assert [isinstance(one, Skipped) and one.why for one in found] == ["", ""]


@pytest.mark.parametrize(
    ("labels", "places"),
    [
        ("Inbox,Important,Opened", [Place(("Inbox",), "inbox")]),
        ("Sent,Work/Boats", [Place(("Sent",), "sent"), Place(("Work", "Boats"))]),
        ("Archived,Category Updates", [Place(("Archive",), "archive")]),
        ("=?UTF-8?Q?Entw=C3=BCrfe?=", [Place(("Entwürfe",))]),
        ("Spam", [Place(("Junk",), "junk")]),
    ],
)
def test_gmail_labels(tmp_path: Path, labels: str, places: list[Place]) -> None:
    assert list(one(tmp_path, f"A: b\nX-Gmail-Labels: {labels}\n").places) == places


def test_is_mbox(tmp_path: Path) -> None:
    for content, expected in ((b"", True), (b"\n\nFrom a\n", True), (b"Subject: x\n", False), (b"\x00" * 100, False)):
        (tmp_path / "file").write_bytes(content)
        assert is_mbox(tmp_path / "file") is expected
