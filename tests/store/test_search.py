"""What a client's search text asks the index for (RFC 8621 section 4.4.1)."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.store.search import TextIndex, expression
from jmapd.store.store import Store


def found(store: Store, condition: str, text: str) -> list[int]:
    wanted = expression(condition, text)
    connection = store.database.connection
    if wanted is None:
        return [row[0] for row in connection.execute("SELECT rowid FROM email_text ORDER BY rowid")]
    rows = connection.execute("SELECT rowid FROM email_text WHERE email_text MATCH ? ORDER BY rowid", (wanted,))
    return [row[0] for row in rows]


@pytest.fixture
def index(store: Store) -> TextIndex:
    store.text.add(1, {"subject": "Quarterly report", "from": "Jörg Müller joerg@example.org", "body": "numbers"})
    store.text.add(2, {"subject": "Lunch?", "to": "anna@example.org", "body": "the quarterly lunch"})
    store.text.add(3, {"subject": "来週の会議の資料", "body": "ご確認ください"})
    store.text.add(4, {"subject": """My mother's "best" pie"""})
    store.text.flush()
    return store.text


@pytest.mark.parametrize(
    ("condition", "text", "ids"),
    [
        ("text", "quarterly", [1, 2]),
        ("subject", "QUARTERLY", [1]),
        ("text", "quarterly lunch", [2]),
        ("text", '"quarterly report"', [1]),
        ("text", '"report quarterly"', []),
        ("text", "'quarterly report'", [1]),
        ("text", "'report quarterly'", []),
        ("text", "'report quarterly", [1]),
        ("text", "report 'quarterly'", [1]),
        ("text", r'"mother\'s \"best\" pie"', [4]),
        ("text", r"'mother\'s \"best\" pie'", [4]),
        ("text", r'"best\" mother\'s"', []),
        ("text", "mother's best", [4]),
        ("from", "muller", [1]),
        ("from", "joerg@example.org", [1]),
        ("to", "joerg", []),
        ("text", "会議", [3]),
        ("text", "会資", []),
        ("text", "quart*", [1, 2]),
        ("text", "qu*", []),
        ("text", "", [1, 2, 3, 4]),
        ("text", "?!", [1, 2, 3, 4]),
    ],
)
def test_rfc8621_4_4_1_text_conditions(
    store: Store, index: TextIndex, condition: str, text: str, ids: list[int]
) -> None:
    assert found(store, condition, text) == ids


@given(st.text())
def test_rfc8621_4_4_1_no_text_breaks_the_query(text: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE email_text USING fts5(subject, content='')")
    wanted = expression("subject", text)
    if wanted is not None:
        connection.execute("SELECT rowid FROM email_text WHERE email_text MATCH ?", (wanted,)).fetchall()


def test_rows_that_wait_belong_to_their_savepoint(store: Store) -> None:
    database = store.database
    database.begin()
    with database.savepoint("one"):
        store.text.add(1, {"subject": "kept"})
    try:
        with database.savepoint("two"):
            store.text.add(2, {"subject": "lost"})
            store.text.flush()
            raise RuntimeError
    except RuntimeError:
        pass
    store.text.flush()
    database.commit()
    assert found(store, "subject", "kept") == [1]
    assert found(store, "subject", "lost") == []
