"""The table of changes: one row for each object, from which every state, /changes and pushState is answered.

An account counts a modseq; each change takes the next one, under the account's lock, until the commit.
"""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import bindparam, case, func, select, update
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store.database import Database
from jmapd.store.schema import accounts, changes, states
from jmapd.store.sqlite import insert


@attrs.frozen
class Changed:
    """What became of the objects of a type since a modseq.

    :param until: the modseq that the lists lead to.
    :param more: whether there are later changes that the bound left out.
    :param substantive: whether anything but derived properties (counts) changed among ``updated``.
    """

    created: list[int]
    updated: list[int]
    destroyed: list[int]
    until: int
    more: bool
    substantive: bool


@attrs.define(eq=False)
class AccountChanges:
    """The changes of one account, within one transaction.

    :param account: the account's number.
    :param modseq: its last modseq, with what this transaction has taken so far.
    :param new_states: the new modseq of each type that this method call changed.
    :param read_states: the modseq of each type whose state was asked for.
    """

    database: Database
    account: int
    modseq: int
    new_states: dict[str, int] = attrs.field(factory=dict)
    read_states: dict[str, int] = attrs.field(factory=dict)
    _taken: bool = False

    @classmethod
    def open(cls, database: Database, account: int) -> AccountChanges:
        """Read where an account is, under the lock of the writing transaction if there is one."""
        (modseq,) = database.execute(_modseq, account=account).fetchone()
        return cls(database, account, modseq)

    def next(self) -> int:
        """Take the next modseq."""
        self.modseq += 1
        return self.modseq

    def made(self, type: str, object: int) -> None:
        """An object is new, or is there again."""
        at = self._at(type)
        self.database.execute(
            _record, account=self.account, type=type, object=object, made=at, changed=at, substantive=at, destroyed=None
        )

    def updated(self, type: str, object: int, *, substantive: bool = True) -> None:
        """An object has changed; not substantively where only derived properties (counts) have."""
        self.database.execute(
            _touch_substantive if substantive else _touch,
            the_account=self.account,
            the_type=type,
            the_object=object,
            at=self._at(type),
        )

    def destroyed(self, type: str, object: int) -> None:
        """An object is gone."""
        self.database.execute(_destroy, the_account=self.account, the_type=type, the_object=object, at=self._at(type))

    def touched(self, type: str) -> None:
        """A type without objects of its own has another state."""
        self._at(type)

    def keep_modseq(self) -> None:
        """Have `save` keep the modseq even where no object has changed: what was numbered by it is kept elsewhere."""
        self._taken = True

    def _at(self, type: str) -> int:
        at = self.new_states[type] = self.next()
        return at

    def save(self) -> None:
        """Write the account's modseq and the states of the types that changed."""
        if not self.new_states and not self._taken:
            return
        self.database.execute(_save_modseq, the_account=self.account, at=self.modseq)
        for type, modseq in self.new_states.items():
            self.database.execute(_save_state, account=self.account, type=type, modseq=modseq, forgotten=0)

    def state(self, type: str) -> int:
        """The modseq of a type's last change; 0 if there never was one."""
        if type in self.new_states:
            return self.new_states[type]
        if type not in self.read_states:
            row = self.database.execute(_state, account=self.account, type=type).fetchone()
            self.read_states[type] = row[0] if row else 0
        return self.read_states[type]

    def states(self) -> dict[str, int]:
        """The modseq of each type's last change."""
        return dict(self.database.execute(_states, account=self.account).fetchall())

    def since(self, type: str, modseq: int, bound: int) -> Changed | None:
        """What became of a type's objects since a modseq.

        :param bound: how many objects may be named at most.
        :returns: ``None`` where the past has been forgotten, or the modseq is of the future.
        """
        row = self.database.execute(_known, account=self.account, type=type).fetchone()
        last, forgotten = row or (0, 0)
        self.read_states[type] = last
        if modseq > last or modseq < forgotten:
            return None
        rows = self.database.execute(_since, account=self.account, type=type, since=modseq, bound=bound + 1).fetchall()
        more = len(rows) > bound
        if more:
            del rows[bound:]
        created, updated, destroyed, substantive = [], [], [], False
        for object, made, _, substantive_at, gone in rows:
            if gone:
                destroyed.append(object)
            elif made > modseq:
                created.append(object)
            else:
                updated.append(object)
                substantive = substantive or substantive_at > modseq
        until = rows[-1][2] if more else last
        return Changed(created, updated, destroyed, until, more, substantive)


def _modseq() -> ClauseElement:
    return select(accounts.c.modseq).where(accounts.c.id == bindparam("account"))


def _save_modseq() -> ClauseElement:
    return update(accounts).where(accounts.c.id == bindparam("the_account")).values(modseq=bindparam("at"))


def _record() -> ClauseElement:
    statement = insert(changes)
    new = {name: statement.excluded[name] for name in ("made", "changed", "substantive", "destroyed")}
    return statement.on_conflict_do_update(index_elements=list(changes.primary_key), set_=new)


def _object() -> Any:
    return (
        (changes.c.account == bindparam("the_account"))
        & (changes.c.type == bindparam("the_type"))
        & (changes.c.object == bindparam("the_object"))
    )


def _touch() -> ClauseElement:
    return update(changes).where(_object()).values(changed=bindparam("at"))


def _touch_substantive() -> ClauseElement:
    return update(changes).where(_object()).values(changed=bindparam("at"), substantive=bindparam("at"))


def _destroy() -> ClauseElement:
    return update(changes).where(_object()).values(changed=bindparam("at"), destroyed=bindparam("at"))


def _save_state() -> ClauseElement:
    statement = insert(states)
    return statement.on_conflict_do_update(
        index_elements=[states.c.account, states.c.type], set_={"modseq": statement.excluded.modseq}
    )


def _state() -> ClauseElement:
    return select(states.c.modseq).where(
        (states.c.account == bindparam("account")) & (states.c.type == bindparam("type"))
    )


def _states() -> ClauseElement:
    return select(states.c.type, states.c.modseq).where(states.c.account == bindparam("account"))


def _known() -> ClauseElement:
    return select(states.c.modseq, states.c.forgotten).where(
        (states.c.account == bindparam("account")) & (states.c.type == bindparam("type"))
    )


def _since() -> ClauseElement:
    """Changed since, but for what was made and destroyed since.

    What is new is told at the place where it was made, though it may have changed since: a client that has been led
    to a state in between must know all that was there then.
    """
    seen_before = changes.c.made <= bindparam("since")
    place = case((seen_before, changes.c.changed), else_=changes.c.made)
    return (
        select(changes.c.object, changes.c.made, place, changes.c.substantive, changes.c.destroyed)
        .where(
            (changes.c.account == bindparam("account"))
            & (changes.c.type == bindparam("type"))
            & (changes.c.changed > bindparam("since"))
            & (changes.c.destroyed.is_(None) | seen_before)
        )
        .order_by(place)
        .limit(bindparam("bound"))
    )


def highest_object() -> ClauseElement:
    """The highest object number of a type within a range, destroyed ones included."""
    return select(func.max(changes.c.object)).where(
        (changes.c.account == bindparam("account"))
        & (changes.c.type == bindparam("type"))
        & changes.c.object.between(bindparam("low"), bindparam("high"))
    )
