"""What `jmapctl check --repair` asks of the writer, where no server runs: damage mended in pieces."""

from __future__ import annotations

from typing import Any

import attrs

from jmapd.datatypes.email.prepare import wanted_left
from jmapd.datatypes.email.reading import Reading
from jmapd.methods.context import PreparedMessage
from jmapd.store.blobs import blob_id
from jmapd.store.damage import mend
from jmapd.store.store import Store, renew_epoch
from jmapd.workers import answers
from jmapd.workers.answers import Answer

TEXTS = 20
"""Messages read again in one piece, to put their texts into the index."""


@attrs.frozen
class Mending:
    """The operation "mend": its argument ``mend`` is a `jmapd.store.damage.mend.Mend`.

    The answer's ``mend`` is how it goes on, and null where it is done.
    """

    store: Store

    def mend(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Do one thing, or a piece of it."""
        way, number, text = arguments["mend"]
        database = self.store.database
        # nobody waits for this but who has asked for it
        database.deadline = float("inf")
        if way == mend.TEXTS[0]:
            return self._texts(number, arguments, body)
        if way == mend.EPOCH[0]:
            renew_epoch(database)
        else:
            mend.do(database, self.store.blobs, self.store.incoming, (way, number, text))
        return Answer({"mend": None})

    def _texts(self, after: int, arguments: dict[str, Any], body: bytes) -> Answer:
        """Index Emails that are not, those whose messages can be read."""
        store = self.store
        missing = mend.unindexed(store.database, after, TEXTS)
        readable = [
            (number, wanted_left(store, blob_id(hash)))
            for number, hash in missing
            if store.blobs.is_there(store.database, hash)
        ]
        _, prepared = answers.split_prepared(arguments, body)
        wanted = {one.key: one for _, one in readable if one.key not in prepared}
        if wanted:
            return answers.needs(list(wanted.values()))
        for number, one in readable:
            message = prepared[one.key]
            if isinstance(message, PreparedMessage):
                store.text.add(number, Reading.unpack(message.reading).search)
        return Answer({"mend": ("texts", missing[-1][0], "") if len(missing) == TEXTS else None})
