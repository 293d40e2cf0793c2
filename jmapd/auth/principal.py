"""Whom a connection or an HTTP request acts for."""

from __future__ import annotations

import math

import attrs

PASSWORD = "password"  # noqa: S105  # the name of a kind of credential, not one


@attrs.frozen
class Principal:
    """A user who has proved who they are.

    :param user: the store's number of the user.
    :param name: the name they log in with.
    :param credential: what they have proved it with: `PASSWORD`, or ``token:`` and the token's id.
    :param read_only: whether the credential lets them change nothing.
    :param expires: when the credential is good no more, in seconds since 1970; ``None`` where that is never.
    :param proved: when it was checked, on the reactor's clock.
    """

    user: int
    name: str
    credential: str = PASSWORD
    read_only: bool = False
    expires: float | None = None
    proved: float = attrs.field(default=math.inf, eq=False)

    def rests_on(self, user: int, credential: str | None) -> bool:
        """Whether this is somebody known by a user's credential.

        :param credential: ``None`` for any of theirs.
        """
        return self.user == user and credential in (None, self.credential)

    def has_expired(self, now: float) -> bool:
        """Whether the credential is good no more at a time in seconds since 1970."""
        return self.expires is not None and self.expires <= now
