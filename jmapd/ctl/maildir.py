"""Messages out of a Maildir folder, with the flags in their files' names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from jmapd.ctl import found
from jmapd.ctl.found import Found, Place, Skipped

_FLAGS = {"S": "$seen", "R": "$answered", "F": "$flagged", "D": "$draft", "P": "$forwarded"}
_TRASHED = "T"
_INFO = re.compile(r"[:;!]2,([A-Za-z]*)\Z")  # the colon is another character on some file systems
_DELIVERED = re.compile(r"(\d{9,10})\.")
_DOVECOT_KEYWORD = re.compile(r"(\d+) (\S+)\Z")


@attrs.frozen
class Maildir:
    """One folder of a Maildir.

    :param limit: octets of the largest message that is read.
    :param with_deleted: whether messages that were marked for deletion are wanted.
    """

    path: Path
    place: Place
    limit: int
    with_deleted: bool = False

    def size(self) -> int:
        """The octets of its files, as far as they are there still."""
        return sum(path.stat().st_size for path in self._files() if path.is_file())

    def messages(self) -> Iterator[Found | Skipped]:
        """The messages in the order in which they came."""
        letters = _dovecot_keywords(self.path)
        for path in self._files():
            try:
                yield self._read(path, letters)
            except OSError as error:
                yield Skipped(str(path), f"cannot be read: {error.strerror}", 0)

    def _read(self, path: Path, letters: Mapping[str, str]) -> Found | Skipped:
        status = path.stat()
        flags = _flags(path)
        if status.st_size > self.limit:
            return Skipped(str(path), f"larger than {self.limit} octets", status.st_size)
        if _TRASHED in flags and not self.with_deleted:
            return Skipped(str(path), "", status.st_size, deleted=True)
        raw = path.read_bytes()
        if not found.fields(found.split_header(raw)[0]):
            return Skipped(str(path), "has no header: it is no message", status.st_size)
        keywords = found.valid_keywords(_FLAGS.get(flag, letters.get(flag, "")) for flag in flags)
        received_at = _received_at(path.name, status.st_mtime)
        return Found(str(path), (self.place,), keywords, received_at, found.network_lines(raw), status.st_size)

    def _files(self) -> list[Path]:
        folders = [self.path / name for name in ("cur", "new") if (self.path / name).is_dir()]
        files = (path for folder in folders for path in folder.iterdir() if not path.name.startswith("."))
        return sorted(files, key=lambda path: (_delivered(path.name) or 0, path.name))


def is_maildir(path: Path) -> bool:
    """Whether a folder is a Maildir's."""
    return (path / "cur").is_dir() or (path / "new").is_dir()


def _flags(path: Path) -> str:
    info = _INFO.search(path.name)
    return info[1] if info and path.parent.name == "cur" else ""


def _received_at(name: str, mtime: float) -> int | None:
    # a copied file has a later mtime, a migrated one a later name: the earlier one is the nearer to the truth
    return found.plausible(min(_delivered(name) or mtime, mtime) * 1000)


def _delivered(name: str) -> int | None:
    match = _DELIVERED.match(name)
    return int(match[1]) if match else None


def _dovecot_keywords(folder: Path) -> dict[str, str]:
    """The keywords that Dovecot writes as small letters into files' names."""
    try:
        lines = (folder / "dovecot-keywords").read_text(errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (match for line in lines if (match := _DOVECOT_KEYWORD.match(line)))
    return {chr(ord("a") + int(pair[1])): pair[2] for pair in pairs if int(pair[1]) < 26}
