"""What the front asks about users: their credentials, their Session, the states of their accounts."""

from __future__ import annotations

from typing import Any

import attrs

from jmapd.datatypes import assembly
from jmapd.methods.context import Context, UserUnknown
from jmapd.protocol import ijson
from jmapd.protocol.session import SessionAccount, session
from jmapd.store import accounts, tokens, users
from jmapd.store.store import Store
from jmapd.store.tokens import Token
from jmapd.store.users import User
from jmapd.workers.answers import Answer, OperationRefused
from jmapd.workers.settings import WorkerSettings


@attrs.frozen
class Identity:
    """The operations about users."""

    store: Store
    settings: WorkerSettings

    def credentials(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """The user of a login name, with the hash of the password; of one who is disabled the name alone."""
        user = self.user(arguments["name"])
        if user is None:
            raise OperationRefused("notFound", "There is no such user.")
        if user.disabled:
            return _disabled(user.name)
        return Answer({"user": user.id, "name": user.name, "hash": user.hash, "credential": users.PASSWORD})

    def token(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """The user of a token, by its hash, as `credentials` has it.

        ``name`` is the login name it came with, if it came with one.
        """
        token = tokens.hashed(self.store.database, arguments["hash"])
        if token is None or not self._is_of(token, arguments["name"]):
            raise OperationRefused("notFound", "There is no such token.")
        if token.disabled:
            return _disabled(token.name)
        return Answer(
            {
                "user": token.user,
                "name": token.name,
                "credential": token.credential,
                "read_only": bool(token.read_only),
                "expires": token.expires,
            }
        )

    def _is_of(self, token: Token, name: str | None) -> bool:
        if name is None:
            return True
        user = self.user(name)
        return user is not None and user.id == token.user

    def user(self, name: str) -> User | None:
        """The user of a login name: a whole address, or one without its domain where that is ours."""
        found = users.named(self.store.database, name)
        if found is None and "@" not in name:
            found = users.named(self.store.database, f"{name}@{self.settings.hostname}")
        return found

    def known(self, name: str) -> User:
        """The user of a login name.

        :raises OperationRefused: where there is none.
        """
        user = self.user(name)
        if user is None:
            alike = users.alike(self.store.database, name)
            there = f" (there is {', '.join(alike)})" if alike else ""
            raise OperationRefused("notFound", f"There is no account {name}{there}.")
        return user

    def session(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """The user's Session object."""
        user = arguments["user"]
        context = Context(self.store, self.settings.limits, user, now=0, read_only=arguments.get("read_only", False))
        try:
            state = context.session_state(self.settings.digest)
        except UserUnknown:
            raise OperationRefused("notFound", "There is no such user.") from None
        seen = [
            SessionAccount(one.id, one.name, bool(one.personal), bool(one.read_only))
            for one in context.accesses.values()
        ]
        whole = session(
            url=arguments["url"],
            username=arguments["name"],
            accounts=seen,
            capabilities=assembly.account_capabilities(self.settings.limits),
            limits=self.settings.limits,
            state=state,
        )
        return Answer({}, ijson.dumps(whole))

    def states(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """The modseq of each type in each account that the user may see."""
        found = accounts.states(self.store.database, arguments["user"])
        return Answer({"epoch": self.store.epoch, "accounts": found}, read=found)


def _disabled(name: str) -> Answer:
    """What the front is told of a user who is disabled, for its log: nothing that lets anybody in."""
    return Answer({"name": name, "disabled": True})
