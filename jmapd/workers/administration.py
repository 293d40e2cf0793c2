"""What `jmapctl account` asks for."""

from __future__ import annotations

from typing import Any

import attrs

from jmapd.datatypes import identity, quota
from jmapd.datatypes.email_submission.envelope import is_valid
from jmapd.datatypes.mailbox import names
from jmapd.store import accounts, mailboxes, quotas, users
from jmapd.store.accounts import Access
from jmapd.store.changes import AccountChanges
from jmapd.store.mailboxes import MailboxRow
from jmapd.store.store import Store
from jmapd.store.users import User
from jmapd.workers.answers import Answer, OperationRefused
from jmapd.workers.identity import Identity


@attrs.frozen
class Administration:
    """The operations about accounts."""

    store: Store
    identity: Identity

    def account_list(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """All accounts with what they hold."""
        shared: dict[int, list[dict[str, Any]]] = {}
        for share in accounts.shares(self.store.database):
            shared.setdefault(share.account, []).append({"name": share.name, "read_only": bool(share.read_only)})
        found = [
            {
                "id": accounts.account_id(one.account),
                "name": one.name,
                "emails": one.emails,
                "size": one.size,
                "disabled": bool(one.disabled),
                "shared": shared.get(one.account, []),
                "max_emails": one.max_emails,
                "max_size": one.max_size,
            }
            for one in accounts.summaries(self.store.database)
        ]
        return Answer({"accounts": found})

    def account_add(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Make a user and an account of their own, with the usual Mailboxes or the Inbox alone."""
        database, name = self.store.database, arguments["name"]
        if not is_valid(name):
            raise OperationRefused("invalid", f"{name!r} is no address such as anna@example.org.")
        if users.named(database, name):
            raise OperationRefused("alreadyExists", f"There is an account {name} already.")
        account = accounts.add(database, name, arguments["hash"])
        changes = AccountChanges.open(database, account)
        for order, (title, role) in enumerate(names.USUAL[: 1 if arguments["bare"] else None], 1):
            row = MailboxRow(changes.next(), title, None, role, order, subscribed=True)
            mailboxes.add(database, account, row)
            changes.made("Mailbox", row.id)
        identity.add_first(database, changes, name.casefold())
        changes.save()
        return Answer({"account": accounts.account_id(account)})

    def account_passwd(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Give a user another password."""
        user = self.identity.known(arguments["name"])
        users.set_hash(self.store.database, user.id, arguments["hash"])
        return Answer({}, credentials=((user.id, users.PASSWORD),))

    def hash_renew(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Keep another hash of the password that a user has; nobody needs to hear of it."""
        users.renew_hash(self.store.database, arguments["user"], arguments["old"], arguments["new"])
        return Answer({})

    def account_disable(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Refuse a user's credentials, and keep all else."""
        user = self.identity.known(arguments["name"])
        users.set_disabled(self.store.database, user.id, disabled=True)
        return Answer({}, credentials=((user.id, None),))

    def account_enable(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Let a user log in again."""
        user = self.identity.known(arguments["name"])
        users.set_disabled(self.store.database, user.id, disabled=False)
        return Answer({})

    def account_delete(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Remove a user, with the account of their own and all that is in it."""
        user = self.identity.known(arguments["name"])
        others = accounts.delete_account(self.store.database, user.id)
        return Answer({}, credentials=((user.id, None),), accesses=tuple(others))

    def account_quota(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Say what an account may hold; what is not given stays, and null is as much as comes."""
        user, database = self.identity.known(arguments["name"]), self.store.database
        own = self._own(user)
        usage = quotas.read(database, own.account)
        emails, octets = arguments.get("emails", usage.max_emails), arguments.get("size", usage.max_octets)
        changes = AccountChanges.open(database, own.account)
        quota.set_limits(database, changes, emails=emails, octets=octets)
        changes.save()
        changed = {own.id: changes.new_states} if changes.new_states else {}
        said = {"emails": usage.emails, "size": usage.octets, "max_emails": emails, "max_size": octets}
        return Answer(said, changed=changed)

    def account_share(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Let another user see an account, or change whether they may change it."""
        account, user = self._shared(arguments)
        accounts.share(self.store.database, account, user.id, read_only=arguments["read_only"])
        return Answer({}, accesses=(user.id,))

    def account_unshare(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Let another user see an account no more."""
        account, user = self._shared(arguments)
        if not accounts.unshare(self.store.database, account, user.id):
            raise OperationRefused("notFound", f"{arguments['name']} is not shared with {user.name}.")
        return Answer({}, accesses=(user.id,))

    def _shared(self, arguments: dict[str, Any]) -> tuple[int, User]:
        """The account of a user's own, and the user whom it is shared with."""
        owner, user = self.identity.known(arguments["name"]), self.identity.known(arguments["other"])
        if owner.id == user.id:
            raise OperationRefused("invalid", f"{user.name} sees the account already: it is their own.")
        return self._own(owner).account, user

    def _own(self, user: User) -> Access:
        return next(one for one in accounts.accesses(self.store.database, user.id) if one.personal)
