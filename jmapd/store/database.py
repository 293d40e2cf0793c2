"""One connection to the store: transactions, savepoints and statements compiled once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import attrs
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store import sqlite
from jmapd.store.statement import Statement, compile_statement

Expression = Callable[[], ClauseElement]
"""Builds a Core expression; it is called once for each connection, then known by its identity."""


class DeadlineExceeded(Exception):
    """The work under way has taken longer than its deadline; nothing is wrong with the store."""


class TransactionLost(Exception):
    """The engine has ended the transaction by itself: nothing of it will be there."""


@attrs.define(eq=False)
class Database:
    """A connection to the store.

    :param connection: the driver's connection.
    :param writable: whether this is the one connection that writes.
    :param deadline: on `time.monotonic`'s clock; each statement looks at it first.
    :param undo: what to call when the innermost savepoint comes to nothing, for what is kept beside the database.
    """

    connection: sqlite3.Connection
    writable: bool
    deadline: float = float("inf")
    undo: list[Callable[[], None]] = attrs.field(factory=list)
    _statements: dict[Any, Statement] = attrs.field(factory=dict)

    def define(self, name: str, function: Callable[[Any, Any], bool]) -> None:
        """Let statements call a function that the store itself does not know.

        :param function: of two values; the same ones always give the same result.
        """
        self.connection.create_function(name, 2, function, deterministic=True)

    def execute(self, expression: Expression, **values: Any) -> sqlite3.Cursor:
        """Run a statement.

        :param expression: a function that builds it.
        :param values: its bind parameters by name.
        :raises DeadlineExceeded: where the deadline is over.
        """
        statement = self._statements.get(expression)
        if statement is None:
            statement = self._statements[expression] = compile_statement(expression(), sqlite.DIALECT)
        return self.run(statement, values)

    def run(self, statement: Statement, values: dict[str, Any]) -> sqlite3.Cursor:
        """Run a statement that the caller has compiled and keeps."""
        if time.monotonic() > self.deadline:
            raise DeadlineExceeded
        try:
            return self.connection.execute(statement.sql, statement.values(values))
        except sqlite3.OperationalError as error:
            if str(error) == "interrupted":
                raise DeadlineExceeded from error
            raise

    def execute_many(self, expression: Expression, rows: Iterable[dict[str, Any]]) -> None:
        """Run a writing statement for many rows of values."""
        for row in rows:
            self.execute(expression, **row)

    def compile(self, expression: ClauseElement) -> Statement:
        """Compile an expression for this engine."""
        return compile_statement(expression, sqlite.DIALECT)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One transaction that sees one state of the store and changes nothing."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self.connection.execute("ROLLBACK")

    def begin(self) -> None:
        """Start the writing transaction."""
        self.undo.clear()
        self.connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make the writing transaction durable. Whoever calls it says what a failure means."""
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """End the writing transaction with nothing done."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    @contextmanager
    def savepoint(self, name: str) -> Iterator[None]:
        """What is done inside is done whole or, after an exception, not at all.

        :raises TransactionLost: where the engine has thrown the whole transaction away.
        """
        self.connection.execute(f"SAVEPOINT {name}")
        undo, self.undo = self.undo, []
        try:
            yield
        except BaseException:
            for step in reversed(self.undo):
                step()
            self.undo = undo
            if not self.connection.in_transaction:
                raise TransactionLost from None
            self.connection.execute(f"ROLLBACK TO {name}")
            self.connection.execute(f"RELEASE {name}")
            raise
        self.undo = undo + self.undo
        self.connection.execute(f"RELEASE {name}")

    def erasing(self) -> AbstractContextManager[None]:
        """Have what is deleted or moved inside be overwritten, as secrets are to be."""
        return sqlite.erasing(self.connection)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()
