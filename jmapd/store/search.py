"""Full-text search: what is indexed, and what a client's search text asks the index for.

Rows wait in memory until the batch ends, for FTS5 writes far faster then; they belong to their savepoint meanwhile.
Runs of Chinese, Japanese and Korean are split into single characters, and asked for as phrases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from sqlalchemy import insert
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store.database import Database
from jmapd.store.sqlite import TEXT_COLUMNS, delete_text, email_text

_CJK = "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
_CJK_CHARACTER = re.compile(f"([{_CJK}])")
_TOKEN = re.compile(r"""(?<!\S)(["'])((?:\\.|(?!\1)[^\\])*)\1(?!\S)|(\S+)""", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MIN_PREFIX = 3

CONDITION_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "from": ("sender",),
    "to": ("recipient",),
    "cc": ("cc",),
    "bcc": ("bcc",),
    "subject": ("subject",),
    "body": ("body", "attachment"),
    "text": TEXT_COLUMNS,
}
"""Where each text condition of Email/query looks (RFC 8621 section 4.4.1)."""

_PREPARED_NAMES = dict(zip(TEXT_COLUMNS, ("from", "to", "cc", "bcc", "subject", "body", "attachment"), strict=True))


def searchable(text: str) -> str:
    """The text as it is indexed and asked for: CJK characters stand alone."""
    return _CJK_CHARACTER.sub(r" \1 ", text.replace("\0", " "))


def expression(condition: str, text: str) -> str | None:
    """The FTS5 expression of a text condition.

    Words may stand anywhere and all must be there; what is in quotation marks is a phrase, in which a backslash has the
    next character taken as it is; a word of three letters or more that ends in ``*`` stands for all that begin so.

    :param condition: a name of `CONDITION_COLUMNS`.
    :param text: what the client is looking for.
    :returns: the expression, or ``None`` where there is no word in the text, so that everything matches.
    """
    wanted = [f'"{phrase}"{"*" if prefix else ""}' for phrase, prefix in phrases(text)]
    if not wanted:
        return None
    return f"{{{' '.join(CONDITION_COLUMNS[condition])}}} : ({' AND '.join(wanted)})"


def phrases(text: str) -> Iterator[tuple[str, bool]]:
    """What a client's search text looks for: phrases, `searchable`, each with whether its last word may go on."""
    for _, phrase, word in _TOKEN.findall(text):
        wanted = searchable(_ESCAPE.sub(r"\1", phrase) or word).replace('"', " ")
        if any(character.isalnum() for character in wanted):
            yield wanted.rstrip("*"), word.endswith("*") and len(word) > _MIN_PREFIX


@attrs.define(eq=False)
class TextIndex:
    """The full-text index, as the one who writes sees it."""

    database: Database
    _pending: list[dict[str, Any]] = attrs.field(factory=list)

    def add(self, email: int, texts: Mapping[str, str]) -> None:
        """Index an Email, at the latest when the batch ends.

        :param email: its number.
        :param texts: by the names of `jmapd.message.prepare.Prepared`'s ``search``.
        """
        row = {column: searchable(texts.get(name, "")) for column, name in _PREPARED_NAMES.items()}
        self._pending.append({"rowid": email, **row})
        self.database.undo.append(self._take_back)

    def remove(self, email: int, texts: Mapping[str, str]) -> None:
        """Take an Email out of the index.

        :param texts: exactly those that it was indexed with.
        """
        row = {column: searchable(texts.get(name, "")) for column, name in _PREPARED_NAMES.items()}
        delete_text(self.database.connection, email, row)

    def _take_back(self) -> None:
        self._pending.pop()

    def flush(self) -> None:
        """Write what waits, in the order of the index."""
        rows = self._pending[:]
        self._pending.clear()
        self.database.undo.append(lambda: self._pending.extend(rows))
        self.database.execute_many(_add, sorted(rows, key=lambda row: int(row["rowid"])))

    def discard(self) -> None:
        """The transaction has come to nothing, and so has what waits."""
        self._pending.clear()


def _add() -> ClauseElement:
    return insert(email_text)
