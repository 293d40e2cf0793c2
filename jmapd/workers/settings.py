"""What a worker process is told when it starts, as JSON on its command line."""

from __future__ import annotations

import attrs
import orjson

from jmapd.protocol.limits import MAX_PUSH_SUBSCRIPTIONS, Limits, UploadBounds


@attrs.frozen
class WorkerSettings:
    """What a worker needs to know of the configuration.

    :param database: SQLAlchemy URL.
    :param data_dir: where blobs are.
    :param hostname: for Message-ID fields, and for names without a domain.
    :param digest: of what the configuration says that clients can see.
    :param max_push_subscriptions: how many a user may have.
    :param keep_changes: seconds for which destroyed objects are remembered.
    :param soft_deadline: seconds after which a turn is given up.
    :param memory: octets of RLIMIT_DATA; 0 for none.
    :param writer: whether this is the one that writes.
    """

    database: str
    data_dir: str
    hostname: str = "localhost"
    digest: str = ""
    limits: Limits = Limits()
    uploads: UploadBounds = UploadBounds()
    max_push_subscriptions: int = MAX_PUSH_SUBSCRIPTIONS
    keep_changes: float = 90 * 86400.0
    soft_deadline: float = 10.0
    memory: int = 0
    writer: bool = False

    def to_json(self) -> str:
        """The settings as the command line has them."""
        return orjson.dumps(attrs.asdict(self)).decode()

    @classmethod
    def of_json(cls, text: str) -> WorkerSettings:
        """The settings of `to_json`'s text."""
        values = orjson.loads(text)
        values["limits"] = Limits(**values["limits"])
        values["uploads"] = UploadBounds(**values["uploads"])
        return cls(**values)
