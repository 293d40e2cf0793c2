"""A Core expression compiled once, to be run on the driver's own connection.

SQLAlchemy's execution costs more than the statements themselves; compiled once, an expression costs what its SQL
costs. Values have the names of their bind parameters.
"""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import Dialect
from sqlalchemy.sql.expression import ClauseElement


@attrs.frozen
class Statement:
    """SQL text and the values that the expression itself fixed.

    :param sql: in the driver's named parameter style.
    :param fixed: literals of the expression, by the names that SQLAlchemy gave them.
    """

    sql: str
    fixed: dict[str, Any]

    def values(self, given: dict[str, Any]) -> dict[str, Any]:
        """All values of one run."""
        return {**self.fixed, **given} if self.fixed else given


def compile_statement(expression: ClauseElement, dialect: Dialect) -> Statement:
    """Compile an expression for an engine."""
    compiled = expression.compile(dialect=dialect)
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    return Statement(str(compiled), fixed)
