"""Whom a connection or an HTTP request acts for."""

from __future__ import annotations

import attrs


@attrs.frozen
class Principal:
    """A user who has proved who they are.

    :param user: the store's number of the user.
    :param name: the name they log in with.
    """

    user: int
    name: str
