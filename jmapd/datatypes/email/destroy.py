"""What happens when an Email is destroyed."""

from __future__ import annotations

from jmapd.methods.context import Scope
from jmapd.store import emails, threads
from jmapd.store.counts import Counts
from jmapd.store.database import Database
from jmapd.store.emails import Mutable


def destroy_email(database: Database, scope: Scope, counts: Counts, email: Mutable) -> None:
    """Forget an Email, and its Thread if it was the last in it.

    :param counts: of the method call; the caller saves them.
    """
    members = counts.members(email.thread)
    del members[email.id]
    counts.went(email.size)
    emails.remove(database, scope.number, email)
    scope.changes.destroyed("Email", email.id)
    if members:
        scope.changes.updated("Thread", email.thread)
    else:
        threads.forget(database, scope.number, email.thread)
        scope.changes.destroyed("Thread", email.thread)
