"""Messages that have been submitted, looked up by their Message-ID, and the reports that have come about them."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select
from sqlalchemy.sql.expression import ClauseElement

from jmapd.store.database import Database
from jmapd.store.schema import reports, submitted
from jmapd.store.sqlite import insert

TYPE = "EmailSubmission"

MAX_SUBMISSIONS = 100
"""Submissions of one message that are found, the newest first."""


def add(database: Database, account: int, message_id: str, submission: int) -> None:
    """A message has been submitted."""
    database.execute(_add, account=account, message_id=message_id, submission=submission)


def of_message(database: Database, account: int, message_id: str) -> list[int]:
    """The submissions of a message, the newest first."""
    rows = database.execute(_of_message, account=account, message_id=message_id, bound=MAX_SUBMISSIONS)
    return [row[0] for row in rows]


def keep_report(database: Database, account: int, submission: int, blob: bytes) -> None:
    """Keep the blob of a report as long as the record of the submission that it is about."""
    database.execute(_keep_report, account=account, submission=submission, blob=blob)


def forget(database: Database, account: int, submission: int) -> None:
    """The record of a submission is gone."""
    for expression in (_forget, _forget_reports):
        database.execute(expression, account=account, submission=submission)


def _add() -> ClauseElement:
    return insert(submitted)


def _of_message() -> ClauseElement:
    return (
        select(submitted.c.submission)
        .where(submitted.c.account == bindparam("account"), submitted.c.message_id == bindparam("message_id"))
        .order_by(submitted.c.submission.desc())
        .limit(bindparam("bound"))
    )


def _keep_report() -> ClauseElement:
    return insert(reports).on_conflict_do_nothing()


def _forget() -> ClauseElement:
    return delete(submitted).where(
        submitted.c.account == bindparam("account"), submitted.c.submission == bindparam("submission")
    )


def _forget_reports() -> ClauseElement:
    return delete(reports).where(
        reports.c.account == bindparam("account"), reports.c.submission == bindparam("submission")
    )
