"""A whole store looked through for damage, and mended: for `jmapctl check`.

What is looked through is a copy of the database, made as a backup's is, and the files of the blobs. So a server may go
on beside it. To mend, there must be none.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from jmapd.store import migrations
from jmapd.store.blobs import Blobs
from jmapd.store.damage import find, mend
from jmapd.store.damage.find import Damage
from jmapd.store.database import Database
from jmapd.workers import archive, lock
from jmapd.workers.archive import Advance, Unusable
from jmapd.workers.client import Client

__all__ = ["Damage", "Unusable", "mend_all", "size_of", "through"]


def size_of(database: Path) -> int:
    """About how many octets `through` will say that it has done.

    :raises OSError: where the database cannot be read.
    """
    octets = database.stat().st_size
    try:
        with closing(archive.read_only(database)) as connection:
            (blobs,) = connection.execute("SELECT coalesce(sum(size), 0) FROM blobs").fetchone()
    except sqlite3.DatabaseError:
        blobs = 0
    return int(blobs) + 2 * octets


def through(database: Path, data_dir: Path, advance: Advance) -> Iterator[Damage]:
    """Look through a store.

    :param advance: told how many octets more are done, and how many blobs it is by now.
    :raises Unusable: where it cannot be looked through.
    :raises OSError: where something cannot be read.
    """
    archive.need_room(data_dir, database.stat().st_size)
    with archive.holding(data_dir), _copied(database, data_dir, advance) as copy:
        found = list(find.engine(copy))
        yield from found
        try:
            yield from _looked_through(copy, data_dir, database.stat().st_size, advance)
        except sqlite3.DatabaseError as error:
            if not found:
                raise
            yield Damage(f"the database cannot be read further: {error}")


def _looked_through(copy: Database, data_dir: Path, size: int, advance: Advance) -> Iterator[Damage]:
    """All but what SQLite itself finds."""
    yield from find.stray_rows(copy)
    accounts = find.all_accounts(copy)
    for number, name in accounts:
        yield from find.account(copy, number, name)
        advance(size // len(accounts), 0)
    yield from find.texts(copy)
    blobs, incoming = Blobs(data_dir / "blobs"), data_dir / "incoming"
    yield from find.stored_blobs(copy, blobs, advance)
    yield from find.files(copy, blobs, incoming)


@contextmanager
def _copied(database: Path, data_dir: Path, advance: Advance) -> Iterator[Database]:
    """A copy of the database as it is at this moment, which is gone with its connection."""
    folder = Path(tempfile.mkdtemp(prefix="checking-", dir=data_dir))
    try:
        lock.leave_to_owner(data_dir, folder)
        path = folder / "copy.sqlite"
        archive.copy_database(database, path, advance)
        if migrations.revision(path) != migrations.head():
            raise Unusable(
                f"{database} is of another version of jmapd: start the server, or use the jmapctl of its version"
            )
        connection = sqlite3.connect(path, isolation_level=None)
    finally:
        # an open file stays readable, and none is left behind, however this ends
        shutil.rmtree(folder)
    with closing(connection):
        connection.execute("PRAGMA journal_mode=MEMORY")
        yield Database(connection, writable=True)


def mend_all(client: Client, found: Iterable[Damage], say: Callable[[int, int], None]) -> None:
    """Mend what can be mended of what was found.

    :param client: with a writer of its own.
    :param say: told how many things are done, of how many.
    """
    ways = {one.mend for one in found if one.mend is not None}
    if mend.ALL_TEXTS in ways:
        ways.add(mend.TEXTS)
    ordered = sorted(ways, key=lambda one: (mend.ORDER.index(one[0]), one))
    for done, way in enumerate([mend.EPOCH, *ordered] if ordered else []):
        going_on: object = way
        while going_on is not None:
            said, _ = client.perform("mend", {"mend": going_on})
            going_on = said["mend"]
        if done:
            say(done, len(ordered))
