"""A whole store in one file and back: for `jmapctl`, with a server running or none.

The file is a tar archive of the database, as it was at one moment, and of the large blobs that it names. The
database is copied within one read transaction, beside which a server goes on to write. What is written is read again
before it is said to be there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import attrs

from jmapd.store.blobs import sync
from jmapd.store.database import Database
from jmapd.store.store import renew_epoch
from jmapd.workers import lock

DATABASE = "jmapd.sqlite"
BLOBS = "blobs"

HOLD = "hold"
"""In the data directory: while somebody has a lock on this file, no blob's file is removed."""

_PAGES = 2000
_PIECE = 1 << 20

Advance = Callable[[int, int], None]
"""Told how many octets more are done, and how many large blobs it is by now."""


class Unusable(Exception):
    """A backup cannot be made, or is damaged; the message says what is wrong."""


@attrs.frozen
class Contents:
    """What a backup holds.

    :param accounts: how many.
    :param emails: how many.
    :param blobs: how many large ones.
    :param size: octets of all.
    """

    accounts: int
    emails: int
    blobs: int
    size: int


@contextmanager
def holding(data_dir: Path) -> Iterator[None]:
    """Keep a sweep from removing the files of blobs."""
    descriptor = os.open(data_dir / HOLD, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        lock.leave_to_owner(data_dir, data_dir / HOLD)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def is_held(data_dir: Path) -> bool:
    """Whether somebody keeps the files of blobs from being removed."""
    try:
        descriptor = os.open(data_dir / HOLD, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def size_of(database: Path) -> int:
    """About how many octets a backup will have."""
    with closing(read_only(database)) as connection:
        (large,) = connection.execute("SELECT coalesce(sum(size), 0) FROM blobs WHERE data IS NULL").fetchone()
    return int(large) + database.stat().st_size


def write(database: Path, data_dir: Path, target: Path, advance: Advance) -> Contents:
    """Back a store up.

    :param database: its file.
    :param target: the file to make, in place of one that is there; it is whole, or it is not there.
    :raises Unusable: where the store is damaged.
    :raises OSError: where something cannot be read or written.
    """
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with tempfile.TemporaryDirectory(prefix=".jmapd-", dir=target.parent) as folder, holding(data_dir):
            copy = Path(folder) / DATABASE
            copy_database(database, copy, advance)
            with partial.open("wb") as out:
                partial.chmod(0o600)
                _fill(out, copy, data_dir / BLOBS, advance)
                out.flush()
                os.fsync(out.fileno())
        contents = verify(partial, lambda octets, blobs: None)
        partial.replace(target)
        sync(target.parent)
    finally:
        partial.unlink(missing_ok=True)
    return contents


def verify(backup: Path, advance: Advance) -> Contents:
    """Read a backup through: the database must be sound, and every blob what its hash says.

    :raises Unusable: where anything is not.
    """
    with tempfile.TemporaryDirectory(prefix=".jmapd-", dir=backup.parent) as folder:
        try:
            return _unpack(backup, Path(folder), advance, keep=False)
        except (tarfile.TarError, sqlite3.Error, EOFError) as error:
            raise Unusable(f"{backup} is no sound backup: {error}") from None


def restore(
    backup: Path, data_dir: Path, database: Path, advance: Advance, *, replace: bool
) -> tuple[Contents, Path | None]:
    """Put a backup in the place of a store. No server may be running there.

    What was there is moved into a folder beside, and the epoch is renewed, so that clients fetch everything again.

    :param replace: whether a store that is there may be replaced.
    :returns: what there is now, and the folder with what was there.
    :raises Unusable: where the backup is damaged, or something is in the way.
    """
    try:
        held = lock.take(data_dir)
    except lock.Locked as error:
        raise Unusable(f"nothing was changed: {error}") from None
    try:
        if database.exists() and not replace:
            raise Unusable(f"{database} is there already; --replace moves it aside")
        folder = Path(tempfile.mkdtemp(prefix="restoring-", dir=data_dir))
        try:
            contents = _unpack(backup, folder, advance, keep=True)
            _renew_epoch(folder / DATABASE)
            _own_as(data_dir, folder)
            beside = _swap(folder, data_dir, database)
        except (tarfile.TarError, sqlite3.Error, EOFError) as error:
            raise Unusable(f"{backup} is no sound backup: {error}") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)
    return contents, beside


def copy_database(source: Path, target: Path, advance: Advance) -> None:
    """Copy a database as it is at one moment, whatever is written meanwhile."""
    with closing(read_only(source)) as reading, closing(sqlite3.connect(target, isolation_level=None)) as copy:
        # one state for all pieces of the copy
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM store").fetchone()
        (page,) = reading.execute("PRAGMA page_size").fetchone()
        done = 0

        def piece(status: int, remaining: int, total: int) -> None:
            nonlocal done
            advance((total - remaining - done) * page, 0)
            done = total - remaining

        reading.backup(copy, pages=_PAGES, progress=piece, sleep=0)
        copy.execute("PRAGMA journal_mode=DELETE")


def _fill(out: IO[bytes], database: Path, blobs: Path, advance: Advance) -> None:
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(database, DATABASE, filter=_anonymous)
        with closing(read_only(database)) as connection:
            rows = connection.execute("SELECT hash, size FROM blobs WHERE data IS NULL ORDER BY hash")
            for number, (hash, size) in enumerate(rows, 1):
                name = hash.hex()
                try:
                    archive.add(blobs / name[:2] / name, f"{BLOBS}/{name[:2]}/{name}", filter=_anonymous)
                except FileNotFoundError:
                    raise Unusable(f"the store is damaged: the file of the blob {name} is missing") from None
                advance(size, number)


def _unpack(backup: Path, folder: Path, advance: Advance, *, keep: bool) -> Contents:
    """Read a backup through, and perhaps keep what is in it in a folder."""
    found: set[str] = set()
    with tarfile.open(backup, "r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is None:
                raise Unusable(f"{backup} holds {member.name!r}, which is no file")
            if member.name == DATABASE:
                _take(content, folder / DATABASE, advance, 0)
                continue
            name = member.name.rpartition("/")[2]
            if (
                member.name != f"{BLOBS}/{name[:2]}/{name}"
                or len(name) != 64
                or not set(name) <= set("0123456789abcdef")
            ):
                raise Unusable(f"{backup} holds {member.name!r}, which belongs to no backup")
            target = folder / BLOBS / name[:2] / name if keep else None
            if _take(content, target, advance, len(found) + 1) != name:
                raise Unusable(f"{backup} is damaged: the blob {name} is not what it was")
            found.add(name)
    return _examined(backup, folder / DATABASE, found)


def _take(content: IO[bytes], target: Path | None, advance: Advance, number: int) -> str:
    """Read a member, and perhaps keep it durably; its SHA-256."""
    digest = hashlib.sha256()
    if target is not None:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (target or Path(os.devnull)).open("wb") as out:
        while data := content.read(_PIECE):
            digest.update(data)
            out.write(data)
            advance(len(data), number)
        if target is not None:
            os.fsync(out.fileno())
    return digest.hexdigest()


def _examined(backup: Path, database: Path, found: set[str]) -> Contents:
    if not database.exists():
        raise Unusable(f"{backup} holds no database")
    with closing(read_only(database)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise Unusable(f"{backup} is damaged: {verdict}")
        for hash, data in connection.execute("SELECT hash, data FROM blobs"):
            if data is None and hash.hex() not in found:
                raise Unusable(f"{backup} is damaged: the blob {hash.hex()} is missing")
            if data is not None and hashlib.sha256(data).digest() != hash:
                raise Unusable(f"{backup} is damaged: the blob {hash.hex()} is not what it was")
        (accounts,) = connection.execute("SELECT count(*) FROM accounts").fetchone()
        (emails,) = connection.execute("SELECT count(*) FROM emails").fetchone()
    return Contents(accounts, emails, len(found), backup.stat().st_size)


def _renew_epoch(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        renew_epoch(Database(connection, writable=True))


def _swap(folder: Path, data_dir: Path, database: Path) -> Path | None:
    """Put what was unpacked in its place, what is there beside it first; the folder of that."""
    beside = None
    there = [path for path in (data_dir / BLOBS, database) if path.exists()]
    if there:
        beside = Path(tempfile.mkdtemp(prefix="replaced-", dir=data_dir))
        lock.leave_to_owner(data_dir, beside)
        for path in there:
            path.rename(beside / path.name)
    # another database's log would be taken for this one's
    for ending in ("-wal", "-shm"):
        Path(f"{database}{ending}").unlink(missing_ok=True)
    if (folder / BLOBS).exists():
        (folder / BLOBS).rename(data_dir / BLOBS)
    (folder / DATABASE).rename(database)
    os.sync()
    return beside


def _own_as(data_dir: Path, folder: Path) -> None:
    """Have the files be the data directory's owner's, and nobody else's to read."""
    lock.leave_to_owner(data_dir, folder, *folder.rglob("*"))
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def need_room(folder: Path, octets: int) -> None:
    """Refuse what a file system has no room for.

    :raises Unusable: where it has none.
    """
    free = shutil.disk_usage(folder).free
    if free < octets:
        raise Unusable(f"{folder} has {free:,} octets free, and a copy of the database needs {octets:,}")


def read_only(database: Path) -> sqlite3.Connection:
    """A connection to a database that changes nothing."""
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10)
