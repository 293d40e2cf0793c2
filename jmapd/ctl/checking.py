"""`jmapctl check`: damage found, and mended."""

from __future__ import annotations

import sqlite3
import sys

import attrs
import click

from jmapd.config import Settings
from jmapd.config.for_workers import worker_settings
from jmapd.ctl.opening import Failure, Opening, database, need_store
from jmapd.ctl.progress import progress
from jmapd.workers import checking, client
from jmapd.workers.checking import Damage

_DAMAGED = 1

_NO_DEADLINE = 1e9
"""Seconds for one piece of what is mended: an account can be large, and nobody else waits."""


class NotLooked(Failure):
    """It could not be found out whether the store is damaged."""

    exit_code = 2


@click.command()
@click.option("--repair", is_flag=True, help="Mend what can be mended; the server must be stopped.")
@click.pass_obj
def check(opening: Opening, repair: bool) -> None:
    """Look through the store for damage, and say what there is; a server may go on meanwhile.

    Ends with status 0 where the store is sound, 1 where it is damaged, and 2 where that could not be found out. After
    a repair clients fetch everything again.
    """
    try:
        settings = opening.settings()
        need_store(settings)
        left = _repaired(settings) if repair else _found(settings)
    except Failure as error:
        raise NotLooked(error.message) from None
    if left:
        click.get_current_context().exit(_DAMAGED)
    click.echo(f"{settings.server.data_dir}: no damage.")


def _found(settings: Settings) -> list[Damage]:
    """Look through the store, and say what is found."""
    found = _look(settings)
    for one in found:
        click.echo(f"{one.said}{'; --repair mends it' if one.mend else ''}.")
    return found


def _repaired(settings: Settings) -> list[Damage]:
    """Look, mend, and look again; what is left."""
    workers = attrs.evolve(worker_settings(settings), soft_deadline=_NO_DEADLINE)
    try:
        own = client.own_writer(settings.server.data_dir, workers)
    except client.Unavailable as error:
        raise Failure(f"Nothing was changed: {error}.") from None
    try:
        with own as writer:
            found = _found(settings)
            if not any(one.mend for one in found):
                return found
            checking.mend_all(writer, found, lambda done, all: click.echo(f"{done} of {all} mended", err=True))
    except (client.Unavailable, client.OperationRefused) as error:
        raise Failure(f"The repair has ended early: {error}") from None
    left = _look(settings)
    for one in left:
        click.echo(f"Left: {one.said}.")
    return left


def _look(settings: Settings) -> list[Damage]:
    path = database(settings)
    try:
        bar = progress(checking.size_of(path), sys.stderr, "blobs")
        try:
            return list(checking.through(path, settings.server.data_dir, bar.advance))
        finally:
            bar.close()
    except checking.Unusable as error:
        raise Failure(str(error)) from None
    except (OSError, sqlite3.Error) as error:
        raise Failure(f"The store cannot be looked through: {error}") from None
