"""What may be asked of a worker, by name, and who does it."""

from __future__ import annotations

REQUEST = "request"
"""A JMAP Request. Arguments: ``user``, ``credential``, ``read_only``, ``binding``, ``prepared``; body: the Request, then what was
prepared."""

PREPARE = "prepare"
"""Read or compose one message, outside every transaction, for a Request that cannot go on without it."""

READS = frozenset(
    {
        "credentials",
        "token",
        "session",
        "states",
        "push_users",
        "push_list",
        "account_list",
        "token_list",
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

_ADMINISTRATION = frozenset(
    {
        "account_add",
        "account_passwd",
        "account_disable",
        "account_enable",
        "account_delete",
        "account_share",
        "account_quota",
        "account_unshare",
        "token_add",
        "token_revoke",
        "import_store",
    }
)

_PUSH = frozenset({"push_code", "push_told", "push_gone"})

WRITES = _ADMINISTRATION | _PUSH | {"upload_record", "hash_renew", "sweep", "mend"}
"""Operations that only the writer does, within its transaction."""

CONTROL = _ADMINISTRATION | {"account_list", "token_list", "import_read"}
"""Operations that `jmapctl` may ask for."""
