"""The table of operations, but for Requests: which function does which."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from jmapd.datatypes.blob.upload import assemble
from jmapd.datatypes.email.prepare import prepare_message
from jmapd.protocol.errors import SetError
from jmapd.store.store import Store
from jmapd.workers import answers
from jmapd.workers.administration import Administration
from jmapd.workers.answers import Answer, OperationRefused
from jmapd.workers.channel import Frame
from jmapd.workers.identity import Identity
from jmapd.workers.importing import Importing
from jmapd.workers.mending import Mending
from jmapd.workers.operations import PREPARE, READS, WRITES
from jmapd.workers.push_subscriptions import PushSubscriptions
from jmapd.workers.settings import WorkerSettings
from jmapd.workers.sweeping import Sweeping
from jmapd.workers.tokens import Tokens
from jmapd.workers.transfer import Transfer

_log = logging.getLogger(__name__)

Task = Callable[[dict[str, Any], bytes], Answer]


@attrs.frozen
class Tasks:
    """The operations of a worker, within a transaction that is open already."""

    table: Mapping[str, Task]

    @classmethod
    def open(cls, store: Store, settings: WorkerSettings) -> Tasks:
        """Put the operations together."""
        identity = Identity(store, settings)
        administration, tokens = Administration(store, identity), Tokens(store, identity)
        importing, transfer = Importing(store, identity), Transfer(store, settings.uploads)

        def prepare(arguments: dict[str, Any], body: bytes) -> Answer:
            wanted, now = arguments["wanted"], int(time.time() * 1000)
            if wanted["kind"] == "assemble":
                return answers.prepared(assemble(store, wanted))
            try:
                message = prepare_message(store, arguments["user"], wanted, now, settings.hostname)
            except SetError as error:
                return answers.not_prepared(error)
            except FileNotFoundError as error:
                # `jmapctl check` tells of all that are lost
                _log.error("a blob's file is lost: %s", error.filename)
                return answers.not_prepared(SetError("blobNotFound", "The server has lost it."))
            return answers.prepared(message)

        table: dict[str, Task] = {PREPARE: prepare}
        others = (PushSubscriptions(store), Sweeping(store, settings), Mending(store))
        for part in (identity, administration, tokens, importing, transfer, *others):
            table.update({name: getattr(part, name) for name in _operations(part)})
        return cls(table)

    def answer(self, frame: Frame) -> Answer:
        """Do an operation."""
        try:
            return self.table[frame.arguments["operation"]](frame.arguments, frame.body)
        except OperationRefused as error:
            return answers.refused(error)


def _operations(part: object) -> list[str]:
    return [name for name in READS | WRITES if hasattr(part, name)]
