"""Maildirs, folders of mailboxes, and the Mailboxes they become."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from jmapd.ctl.found import Found, Place, Skipped
from jmapd.ctl.maildir import Maildir
from jmapd.ctl.places import decode_name, place
from jmapd.ctl.sources import NotMail, Wanted

INBOX = Place(("Inbox",), "inbox")
MBOX = b"From a Mon Jan  5 10:00:00 2026\nA: b\n\n"


def maildir(path: Path, files: Mapping[str, bytes] | None = None) -> Path:
    for name in ("cur", "new", "tmp"):
        (path / name).mkdir(parents=True)
    for name, content in (files or {}).items():
        (path / name).write_bytes(content)
    return path


def places(path: Path) -> dict[str, Place]:
    found = Wanted(1000).sources(path)
    return {str(one.path.relative_to(path)): one.place for one in found if hasattr(one, "place")}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), INBOX),
        (("INBOX",), INBOX),
        (("Spam",), Place(("Junk",), "junk")),
        (("INBOX", "Sent"), Place(("Sent",), "sent")),
        (("[Gmail]", "Sent Mail"), Place(("Sent",), "sent")),
        (("Work", "Sent"), Place(("Work", "Sent"))),
    ],
)
def test_place(path: tuple[str, ...], expected: Place) -> None:
    assert place(path) == expected


@pytest.mark.parametrize(
    ("name", "decoded"),
    [
        ("Entw&APw-rfe", "Entwürfe"),
        ("A&-B", "A&B"),
        ("&ZeVnLIqe-", "日本語"),
        ("A&B", "A&B"),
        ("&AAAA-", "&AAAA-"),
        ("&2AA-", "&2AA-"),
    ],
)
def test_modified_utf_7(name: str, decoded: str) -> None:
    assert decode_name(name) == decoded


def test_maildir_flags_and_keywords(tmp_path: Path) -> None:
    files = {
        "cur/1000000000.a:2,FRS": b"A: 1\n\n",
        "cur/1000000001.b:2,PDa": b"A: 2\n\n",
        "cur/1000000002.c:2,ST": b"A: 3\n\n",
        "new/1000000003.d": b"A: 4\n\n",
        "cur/1000000004.e!2,S": b"A: 5\n\n",
        "dovecot-keywords": b"0 Boats\n1 bad{\n",
    }
    found = list(Maildir(maildir(tmp_path, files), INBOX, 1000).messages())
    assert [sorted(one.keywords) for one in found if isinstance(one, Found)] == [
        ["$answered", "$flagged", "$seen"],
        ["$draft", "$forwarded", "boats"],
        [],
        ["$seen"],
    ]
    assert found[0].octets == 6
    with_deleted = list(Maildir(tmp_path, INBOX, 1000, with_deleted=True).messages())
    assert sum(isinstance(one, Found) for one in with_deleted) == 5


def test_maildir_dates(tmp_path: Path) -> None:
    files = {"cur/1000000000.a:2,": b"A: 1\n\n", "cur/x:2,": b"A: 2\n\n", "cur/1000000000.b:2,": b"A: 3\n\n"}
    maildir(tmp_path, files)
    for name, mtime in (
        ("cur/1000000000.a:2,", 1_500_000_000),
        ("cur/x:2,", 1_500_000_000),
        ("cur/1000000000.b:2,", 900_000_000),
    ):
        os.utime(tmp_path / name, (mtime, mtime))
    dates = {
        one.origin[-5:]: one.received_at for one in Maildir(tmp_path, INBOX, 1000).messages() if isinstance(one, Found)
    }
    assert sorted(date for date in dates.values() if date) == [900_000_000_000, 1_000_000_000_000, 1_500_000_000_000]


def test_damaged_files_are_told_and_skipped(tmp_path: Path) -> None:
    maildir(tmp_path, {"cur/1.a:2,": b"", "cur/2.b:2,": b"A: b\n\n" + b"x" * 9000, "cur/4.d:2,": b"A: b\n\n"})
    (tmp_path / "cur" / "3.c:2,").symlink_to(tmp_path / "nowhere")
    (tmp_path / "cur" / "5.e:2,").mkdir()
    found = list(Maildir(tmp_path, INBOX, 9000).messages())
    assert [one.why for one in found if isinstance(one, Skipped)] == [
        "has no header: it is no message",
        "larger than 9000 octets",
        "cannot be read: No such file or directory",
        "cannot be read: Is a directory",
    ]
    assert sum(isinstance(one, Found) for one in found) == 1


def test_maildir_plus_plus(tmp_path: Path) -> None:
    for name in ("", ".Sent", ".Work.Boats", ".INBOX.Drafts", ".Entw&APw-rfe"):
        maildir(tmp_path / name)
    assert places(tmp_path) == {
        ".": INBOX,
        ".Entw&APw-rfe": Place(("Entwürfe",)),
        ".INBOX.Drafts": Place(("Drafts",), "drafts"),
        ".Sent": Place(("Sent",), "sent"),
        ".Work.Boats": Place(("Work", "Boats")),
    }
    assert Wanted(1000).sources(tmp_path / ".Work.Boats")[0].place == Place(("Work", "Boats"))  # type: ignore[attr-defined]  # a Maildir


def test_folders_in_folders(tmp_path: Path) -> None:
    maildir(tmp_path / "Work")
    maildir(tmp_path / "Work" / "Boats")
    (tmp_path / "Private").write_bytes(MBOX)
    (tmp_path / "Private.msf").write_bytes(b"// index")
    (tmp_path / "Private.sbd").mkdir()
    (tmp_path / "Private.sbd" / "Letters.mbox").write_bytes(MBOX)
    (tmp_path / "Inbox").write_bytes(MBOX)
    assert places(tmp_path) == {
        "Inbox": INBOX,
        "Private": Place(("Private",)),
        "Private.sbd/Letters.mbox": Place(("Private", "Letters")),
        "Work": Place(("Work",)),
        "Work/Boats": Place(("Work", "Boats")),
    }


def test_what_is_no_mail(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Maya")
    with pytest.raises(NotMail, match="is no mbox file"):
        Wanted(1000).sources(tmp_path / "letter.txt")
    with pytest.raises(NotMail, match="holds no mbox files"):
        Wanted(1000).sources(tmp_path)
