"""What may be asked of a worker, by name, and who does it."""

from __future__ import annotations

REQUEST = "request"
"""A JMAP Request. Arguments: ``user``, ``binding``, ``prepared``; body: the Request, then what was prepared."""

PREPARE = "prepare"
"""Read or compose one message, outside every transaction, for a Request that cannot go on without it."""

READS = frozenset(
    {
        "credentials",
        "session",
        "states",
        "account_list",
        "blob_open",
        "blob_read",
        "upload_append",
        "upload_finish",
        "upload_drop",
        "import_read",
        PREPARE,
    }
)
"""Operations that any worker does, and that may be done twice without harm."""

WRITES = frozenset({"upload_record", "account_add", "account_passwd", "account_delete", "import_store"})
"""Operations that only the writer does, within its transaction."""

CONTROL = frozenset({"account_list", "account_add", "account_passwd", "account_delete", "import_read", "import_store"})
"""Operations that `jmapctl` may ask for."""
