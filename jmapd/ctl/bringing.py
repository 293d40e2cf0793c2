"""`jmapctl import`: mail from mbox files and Maildirs into an account."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
import click

from jmapd.ctl.found import Found, Place, Skipped, Source
from jmapd.ctl.opening import Failure, Opening, full_name
from jmapd.ctl.progress import Progress, progress
from jmapd.ctl.sources import NotMail, Wanted
from jmapd.ctl.wording import amount
from jmapd.workers.client import Client, OperationRefused, Unavailable

INTERRUPTED = 130

_OUTCOMES = ("imported", "present", "refused")
"""What may come of a message in a Mailbox; the first counts, where it goes to several."""

Job = tuple[str, dict[str, Any], bytes]


@click.command("import")
@click.argument("name")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--with-deleted", is_flag=True, help="Bring in what is marked for deletion in a Maildir, too.")
@click.pass_obj
def bring(opening: Opening, name: str, paths: tuple[Path, ...], with_deleted: bool) -> None:
    """Bring mail into the account NAME, from mbox files, Maildirs, or folders of them.

    Folders become Mailboxes, and flags keywords. A message that is in its Mailbox already is left alone, so an import
    that was interrupted goes on when the same command is given again.
    """
    settings = opening.settings()
    wanted = Wanted(settings.limits.max_size_upload, with_deleted)
    sources = _sources(wanted, paths)
    with opening.client(settings) as client:
        total = sum(source.size() for source in sources)
        outcome = Import(full_name(name, settings), progress(total, sys.stderr)).run(client, sources)
    click.echo(outcome.summary())
    sys.exit(outcome.status())


def _sources(wanted: Wanted, paths: Iterable[Path]) -> list[Source]:
    found: list[Source] = []
    wrong = []
    for path in paths:
        try:
            found += wanted.sources(path)
        except NotMail as error:
            wrong.append(str(error))
        except OSError as error:
            wrong.append(f"{error.filename or path}: {error.strerror}")
    if wrong:
        raise Failure("\n".join(wrong))
    return found


@attrs.define
class Import:
    """One import under way, and what came of it.

    :param account: the full address.
    """

    account: str
    progress: Progress
    counted: Counter[str] = attrs.field(factory=Counter)
    ended: str = ""
    _outcomes: set[str] = attrs.field(factory=set, init=False)

    def run(self, client: Client, sources: Iterable[Source]) -> Import:
        """Bring in all there is; an interruption or a lost server ends it with what was done until then."""
        asked: deque[tuple[Found, Place]] = deque()
        try:
            for said in client.perform_many(self._jobs(sources, asked)):
                self._answered(*asked.popleft(), said)
        except KeyboardInterrupt:
            self.ended = "Interrupted. The same command goes on from here."
        except Unavailable as error:
            self.ended = f"Ended early: {error}. The same command goes on from here."
        finally:
            self.progress.close()
        return self

    def summary(self) -> str:
        """What came of it, for a person."""
        counted = self.counted
        were = "was" if counted["present"] == 1 else "were"
        done = f"{amount(counted['imported'], 'message')} imported, {counted['present']:,} {were} there already"
        if deleted := counted["deleted"]:
            done += f", {deleted:,} marked for deletion left behind (--with-deleted)"
        if left := counted["refused"] + counted["skipped"]:
            done += f", {left:,} left out"
        return f"{self.ended}\n{done}." if self.ended else f"{done}."

    def status(self) -> int:
        """The command's exit status: 0 if anything could be read."""
        if self.ended:
            return INTERRUPTED if self.ended.startswith("Interrupted") else 1
        read = self.counted["imported"] + self.counted["present"]
        return 0 if read or not self.counted["refused"] + self.counted["skipped"] else 1

    def _jobs(self, sources: Iterable[Source], asked: deque[tuple[Found, Place]]) -> Iterator[Job]:
        for item in self._found(sources):
            for place in item.places:
                asked.append((item, place))
                yield "import", _arguments(self.account, item, place), item.raw

    def _found(self, sources: Iterable[Source]) -> Iterator[Found]:
        for source in sources:
            try:
                for item in source.messages():
                    if isinstance(item, Found):
                        yield item
                    else:
                        self._skip(item)
            except OSError as error:
                self._skip(Skipped(str(source.path), f"cannot be read further: {error.strerror}", 0))

    def _skip(self, item: Skipped) -> None:
        if item.deleted:
            self.counted["deleted"] += 1
        if item.why:
            self.counted["skipped"] += 1
            self.progress.say(f"{item.origin}: left out: {item.why}")
        self.progress.advance(item.octets, self.counted.total())

    def _answered(self, item: Found, place: Place, said: tuple[dict[str, Any], bytes] | OperationRefused) -> None:
        if isinstance(said, OperationRefused):
            if said.kind == "notFound":
                raise Failure(said.detail)
            outcome, detail = "refused", said.detail
        else:
            outcome, detail = said[0]["outcome"], said[0].get("detail", "")
        self._outcomes.add(outcome)
        if place is item.places[-1]:
            self._count(item, detail)

    def _count(self, item: Found, detail: str) -> None:
        """A message counts once, to however many Mailboxes it goes."""
        outcome = next(one for one in _OUTCOMES if one in self._outcomes)
        self._outcomes.clear()
        self.counted[outcome] += 1
        if outcome == "refused":
            self.progress.say(f"{item.origin}: left out: {detail.removesuffix('.')}")
        self.progress.advance(item.octets, self.counted.total())


def _arguments(account: str, item: Found, place: Place) -> dict[str, Any]:
    return {
        "name": account,
        "mailbox": list(place.path),
        "role": place.role,
        "keywords": sorted(item.keywords),
        "received_at": item.received_at,
    }
