"""`jmapctl backup` and `jmapctl restore`: all mail and accounts in one file, and back."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from jmapd.ctl.opening import Failure, Opening, database, need_store
from jmapd.ctl.progress import progress
from jmapd.ctl.wording import amount
from jmapd.workers import archive
from jmapd.workers.archive import Advance, Contents

Done = TypeVar("Done")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(opening: Opening, file: Path) -> None:
    """Write all accounts and mail to FILE, as they are at this moment; a server may go on meanwhile.

    What was written is read again, and then takes the place of what has that name.
    """
    settings = opening.settings()
    need_store(settings)
    if not file.parent.is_dir():
        raise Failure(f"{file} cannot be written: there is no folder {file.parent}.")
    path, data_dir = database(settings), settings.server.data_dir
    contents = _told(lambda: archive.size_of(path), lambda advance: archive.write(path, data_dir, file, advance))
    click.echo(f"{file}: {_shown(contents)}.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Move what is there aside; else nothing may be there.")
@click.pass_obj
def restore(opening: Opening, file: Path, replace: bool) -> None:
    """Bring back what `jmapctl backup` has written to FILE; the server must be stopped."""
    settings = opening.settings()
    path, data_dir = database(settings), settings.server.data_dir
    contents, beside = _told(
        lambda: file.stat().st_size,
        lambda advance: archive.restore(file, data_dir, path, advance, replace=replace),
    )
    click.echo(f"{data_dir}: {_shown(contents)}.")
    if beside:
        click.echo(f"What was there is in {beside}, until you remove it.")


def _told(size: Callable[[], int], work: Callable[[Advance], Done]) -> Done:
    """Do something with a progress bar.

    :raises Failure: where it cannot be done.
    """
    try:
        bar = progress(size(), sys.stderr, "large blobs")
        try:
            return work(bar.advance)
        finally:
            bar.close()
    except archive.Unusable as error:
        said = str(error)
        raise Failure(f"{said[0].upper()}{said[1:]}.") from None
    except (OSError, sqlite3.Error) as error:
        raise Failure(f"This cannot be done: {error}") from None


def _shown(contents: Contents) -> str:
    return f"{amount(contents.accounts, 'account')}, {amount(contents.emails, 'message')}, {contents.size:,} octets"
