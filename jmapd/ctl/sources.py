"""What the paths given to an import are: mbox files, Maildirs, or folders of either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs

from jmapd.ctl.found import Source
from jmapd.ctl.maildir import Maildir, is_maildir
from jmapd.ctl.mbox import Mbox, is_mbox
from jmapd.ctl.places import decode_name, place

_INBOXES = ("inbox", "mbox", "mail")
_ENDINGS = (".mbox", ".mbx")
_SUBFOLDERS = ".sbd"  # Thunderbird keeps what is below Work in Work.sbd
_OF_A_MAILDIR = ("cur", "new", "tmp")


class NotMail(Exception):
    """A path is neither an mbox file nor a Maildir nor a folder of them; the message says so."""


@attrs.frozen
class Wanted:
    """What is to be read.

    :param limit: octets of the largest message.
    :param with_deleted: whether messages that are marked for deletion are wanted.
    """

    limit: int
    with_deleted: bool = False

    def sources(self, path: Path) -> list[Source]:
        """What a path that a person gave holds.

        :raises NotMail: where it is nothing of ours.
        :raises OSError: where it cannot be read.
        """
        if path.is_dir() and is_maildir(path):
            return list(self._maildir(path, _given_name(path)))
        if path.is_dir():
            found = list(self._folder(path, ()))
            if not found:
                raise NotMail(f"{path}: holds no mbox files and no Maildirs")
            return found
        if not is_mbox(path):
            raise NotMail(
                f"{path}: is no mbox file: it does not begin with a From line; a single message goes into a Maildir's new/"
            )
        return [self._mbox(path, ())]

    def _mbox(self, path: Path, above: tuple[str, ...]) -> Mbox:
        name = path.name
        for ending in _ENDINGS:
            name = name.removesuffix(ending)
        inbox = not above and name.lower() in _INBOXES
        return Mbox(path, place(() if inbox else (*above, decode_name(name))), self.limit)

    def _maildir(self, path: Path, name: tuple[str, ...]) -> Iterator[Maildir]:
        """A Maildir, with its folders in either layout: ``.Folder.Sub`` or ``Folder/Sub``."""
        yield Maildir(path, place(name), self.limit, self.with_deleted)
        for below in sorted(path.iterdir()):
            if below.name not in _OF_A_MAILDIR and below.is_dir() and is_maildir(below):
                yield from self._maildir(below, (*name, *_folder_name(below.name)))

    def _folder(self, path: Path, above: tuple[str, ...]) -> Iterator[Source]:
        for below in sorted(path.iterdir()):
            name = (*above, *_folder_name(below.name.removesuffix(_SUBFOLDERS)))
            if below.is_dir() and is_maildir(below):
                yield from self._maildir(below, name)
            elif below.is_dir():
                yield from self._folder(below, name)
            elif below.is_file() and below.stat().st_size and is_mbox(below):
                yield self._mbox(below, above)


def _given_name(path: Path) -> tuple[str, ...]:
    """The Mailbox path of a Maildir that is named itself: the Inbox, unless it is a folder of another one."""
    name = path.resolve().name
    return _folder_name(name) if name.startswith(".") and is_maildir(path.resolve().parent) else ()


def _folder_name(name: str) -> tuple[str, ...]:
    parts = name[1:].split(".") if name.startswith(".") else [name]
    return tuple(decode_name(part) for part in parts if part)
