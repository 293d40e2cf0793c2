"""What `jmapctl token` asks for."""

from __future__ import annotations

import math
import time
from typing import Any

import attrs

from jmapd.store import tokens
from jmapd.store.store import Store
from jmapd.workers.answers import Answer, OperationRefused
from jmapd.workers.identity import Identity

MAX_TOKENS = 1000
"""Tokens that a user may have."""

MAX_LABEL = 200


@attrs.frozen
class Tokens:
    """The operations about tokens."""

    store: Store
    identity: Identity

    def token_add(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Keep a new token's hash; its text stays with who made it. ``lasts`` is in seconds; null: for ever."""
        user = self.identity.known(arguments["name"])
        label = arguments["label"]
        if len(label) > MAX_LABEL or not label.isprintable():
            raise OperationRefused("invalid", f"A label is one line of at most {MAX_LABEL} characters.")
        if tokens.count(self.store.database, user.id) >= MAX_TOKENS:
            raise OperationRefused("tooMany", f"{user.name} has {MAX_TOKENS} tokens already; revoke some.")
        made, lasts = int(time.time()), arguments["lasts"]
        id = tokens.add(
            self.store.database,
            user=user.id,
            hash=arguments["hash"],
            label=label,
            made=made,
            expires=None if lasts is None else made + math.ceil(lasts),
            read_only=arguments["read_only"],
        )
        return Answer({"token": id, "name": user.name})

    def token_list(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """The tokens of a user, or of all where ``name`` is null."""
        name = arguments["name"]
        user = None if name is None else self.identity.known(name).id
        found = [
            {
                "id": one.id,
                "name": one.name,
                "label": one.label,
                "made": one.made,
                "expires": one.expires,
                "read_only": bool(one.read_only),
            }
            for one in tokens.all_of(self.store.database, user)
        ]
        return Answer({"tokens": found})

    def token_revoke(self, arguments: dict[str, Any], body: bytes) -> Answer:
        """Make a token good no more."""
        token = tokens.identified(self.store.database, arguments["token"])
        if token is None:
            raise OperationRefused("notFound", f"There is no token {arguments['token']}.")
        tokens.remove(self.store.database, token)
        return Answer({"name": token.name}, credentials=((token.user, token.credential),))
