"""Blobs: small ones are rows, large ones files named by their SHA-256.

A file is written, synced and renamed, and its folder synced, before the row that names it commits; so whatever a row
names is there, and a crash leaves at most a file that nobody names.
"""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import attrs
from sqlalchemy import bindparam, select
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store.database import Database
from jmapd.store.schema import blobs
from jmapd.store.sqlite import insert

INLINE = 65_536
"""Octets up to which a blob is a row."""

ID_PREFIX = "B"
_HASH_CHARACTERS = 43
_ENCODINGS = {"identity": "i", "quoted-printable": "q", "base64": "b"}
_ENCODING_NAMES = {letter: name for name, letter in _ENCODINGS.items()}


@attrs.frozen
class Piece:
    """What a blobId stands for: a stored blob, or one part of a stored message.

    :param hash: SHA-256 of the stored blob.
    :param encoding: how the part is encoded in the message; ``identity`` for a whole blob.
    :param offset: where it starts in the stored blob, in octets.
    :param length: its octets in the stored blob; ``None``: to the end.
    :param size: its octets when decoded; ``None`` for a whole blob.
    """

    hash: bytes
    encoding: str = "identity"
    offset: int = 0
    length: int | None = None
    size: int | None = None

    @property
    def id(self) -> str:
        """The blobId."""
        whole = blob_id(self.hash)
        if self.length is None:
            return whole
        return f"{whole}{_ENCODINGS[self.encoding]}{self.offset:x}-{self.length:x}-{self.size:x}"

    def lies_in(self, stored: int) -> bool:
        """Whether this can be a part of a blob of so many octets; decoding makes none larger."""
        if self.length is None or self.size is None:
            return True
        return self.offset + self.length <= stored and self.size <= self.length

    @classmethod
    def of_id(cls, id: str) -> Piece | None:
        """What a blobId stands for, or ``None`` where it cannot be one of ours."""
        try:
            hash = base64.urlsafe_b64decode(id[1 : 1 + _HASH_CHARACTERS] + "=")
            if len(hash) != 32 or not id.startswith(ID_PREFIX):
                return None
            if len(id) == 1 + _HASH_CHARACTERS:
                piece = cls(hash)
            else:
                encoding = _ENCODING_NAMES[id[1 + _HASH_CHARACTERS]]
                offset, length, size = (int(text, 16) for text in id[2 + _HASH_CHARACTERS :].split("-"))
                piece = cls(hash, encoding, offset, length, size)
        except (ValueError, KeyError):
            return None
        return piece if piece.id == id else None


def blob_id(hash: bytes) -> str:
    """The blobId of a whole stored blob."""
    return ID_PREFIX + base64.urlsafe_b64encode(hash)[:_HASH_CHARACTERS].decode()


@attrs.frozen
class Blobs:
    """The blobs of a store.

    :param folder: where the large ones are.
    """

    folder: Path

    def write_file(self, data: bytes) -> bytes:
        """Keep a large blob's bytes.

        :returns: its SHA-256. It is durable, but nobody's until `add` names it.
        """
        hash = hashlib.sha256(data).digest()
        temporary = self.folder / f"new-{os.getpid()}-{hash.hex()}"
        try:
            temporary.write_bytes(data)
            self.adopt(temporary, hash)
        except OSError:
            # on a full disk half of it would keep others from what is left
            temporary.unlink(missing_ok=True)
            raise
        return hash

    def adopt(self, temporary: Path, hash: bytes) -> None:
        """Make a finished file, on the same file system, the file of a blob."""
        target = self._path(hash)
        if not target.parent.exists():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            sync(self.folder)
        sync(temporary)
        temporary.rename(target)
        sync(target.parent)

    def add(self, database: Database, hash: bytes, size: int, data: bytes | None) -> None:
        """Name a blob in the store.

        :param data: its bytes where it is small; ``None`` where its file has been written.
        """
        database.execute(_add, hash=hash, size=size, data=data)

    def size(self, database: Database, hash: bytes) -> int | None:
        """The octets of a stored blob, or ``None`` where there is none."""
        row = database.execute(_size, hash=hash).fetchone()
        return row[0] if row else None

    def read(self, database: Database, hash: bytes, offset: int = 0, length: int | None = None) -> bytes | None:
        """Bytes of a stored blob.

        :param offset: where to start.
        :param length: how many at most; ``None``: to the end.
        :returns: the bytes, or ``None`` where there is no such blob.
        """
        row = database.execute(_data, hash=hash).fetchone()
        if row is None:
            return None
        if row[0] is not None:
            data: bytes = row[0]
            return (
                data if offset == 0 and length is None else data[offset : None if length is None else offset + length]
            )
        try:
            with self._path(hash).open("rb") as file:
                file.seek(offset)
                return file.read(-1 if length is None else length)
        except FileNotFoundError:
            # forgotten since this transaction began
            return None

    def inline(self, database: Database, hash: bytes) -> bytes | None:
        """The bytes of a small stored blob; ``None`` for one whose file `read_file` reads."""
        row = database.execute(_data, hash=hash).fetchone()
        data: bytes | None = row[0]
        return data

    def read_file(self, hash: bytes) -> bytes:
        """All bytes of a large blob, whose file may have no row yet."""
        return self._path(hash).read_bytes()

    def is_there(self, database: Database, hash: bytes) -> bool:
        """Whether a stored blob can be read."""
        return self.read(database, hash, length=1) is not None

    def looked_at(self, hash: bytes, data: bytes | None) -> tuple[bytes, int]:
        """SHA-256 and octets of what is stored as a blob, whatever they should be.

        :param data: its bytes, where it is small.
        :raises OSError: where its file cannot be read.
        """
        if data is not None:
            return hashlib.sha256(data).digest(), len(data)
        with self._path(hash).open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest(), file.tell()

    def _path(self, hash: bytes) -> Path:
        name = hash.hex()
        return self.folder / name[:2] / name


def sync(path: Path) -> None:
    """Have what is in a file or folder be durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _add() -> ClauseElement:
    return insert(blobs).on_conflict_do_nothing()


def _size() -> ClauseElement:
    return select(blobs.c.size).where(blobs.c.hash == bindparam("hash"))


def _data() -> ClauseElement:
    return select(blobs.c.data).where(blobs.c.hash == bindparam("hash"))
