"""What the sweep asks of the writer: housekeeping in pieces so small that nobody waits for them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import attrs

from jmapd.datatypes.email.prepare import wanted_left
from jmapd.datatypes.email.reading import Reading
from jmapd.methods.context import PreparedMessage
from jmapd.store import push_subscriptions, replies, sweep
from jmapd.store.blobs import blob_id
from jmapd.store.store import Store
from jmapd.workers import answers, archive
from jmapd.workers.answers import Answer
from jmapd.workers.settings import WorkerSettings

ROWS = 200
"""Rows looked at in one piece."""

TEXTS = 20
"""Messages read again in one piece, to take their texts out of the index."""


@attrs.frozen
class Sweeping:
    """The operation "sweep": one piece of one step.

    Its arguments are ``step`` and ``at``, where that step has got to; the answer's ``at`` is where it goes on, and null
    where it is done.
    """

    store: Store
    settings: WorkerSettings

    def sweep(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Do a piece."""
        now = int(time.time() * 1000)
        step, at = arguments["step"], arguments["at"]
        if step == "texts":
            return self._texts(arguments, body)
        database = self.store.database
        more: int | None = None
        if step == "changes":
            sweep.note_ages(database, now)
            kept = now - int(self.settings.keep_changes * 1000)
            more = sweep.forget_changes(database, kept, ROWS) == ROWS or None
        elif step == "uploads":
            kept = now - int(self.settings.uploads.ttl * 1000)
            more = sweep.forget_uploads(database, kept, ROWS) == ROWS or None
        elif step == "replies":
            more = sweep.forget_replies(database, now - replies.KEEP, ROWS) == ROWS or None
        elif step == "push_subscriptions":
            users = push_subscriptions.sweep(database, now, ROWS)
            return Answer({"at": len(users) == ROWS or None}, push_subscriptions=tuple(users))
        elif step == "blobs":
            last = sweep.forget_blobs(database, bytes.fromhex(at or ""), ROWS)
            return Answer({"at": None if last is None else last.hex()})
        elif step == "files" and not archive.is_held(Path(self.settings.data_dir)):
            folder = at or 0
            sweep.remove_files(database, self.store.blobs, self.store.incoming, folder)
            more = folder + 1 if folder + 1 < sweep.FOLDERS else None
        return Answer({"at": more})

    def _texts(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Take texts out of the index, which has to be told them for that: readers make them again."""
        left = sweep.left(self.store.database, TEXTS)
        wanted = [wanted_left(self.store, blob_id(hash)) for _, hash in left]
        _, prepared = answers.split_prepared(arguments, body)
        missing = [one for one in wanted if one.key not in prepared]
        if missing:
            return answers.needs(list({one.key: one for one in missing}.values()))
        removed: list[int] = []
        lost: list[int] = []
        for (number, _), one in zip(left, wanted, strict=True):
            message = prepared[one.key]
            if isinstance(message, PreparedMessage):
                self.store.text.remove(number, Reading.unpack(message.reading).search)
                removed.append(number)
            else:
                lost.append(number)
        sweep.done_with(self.store.database, removed)
        sweep.keep_left(self.store.database, lost)
        return Answer({"at": len(left) == TEXTS or None})
