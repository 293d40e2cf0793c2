"""From `jmapctl`'s options to the configuration and to the store, with errors as a person reads them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs
import click
from sqlalchemy.engine import make_url

from jmapd.config import ConfigurationError, Settings, load, names_data_dir
from jmapd.config.for_workers import worker_settings
from jmapd.workers import client


class Failure(click.ClickException):
    """Ends the command with status 1 and these lines on standard error."""

    def show(self, file: object = None) -> None:
        """Print the lines as they are."""
        click.echo(self.message, err=True)


@attrs.frozen
class Opening:
    """What all commands share.

    :param config: the path of the configuration file.
    """

    config: Path | None

    def settings(self) -> Settings:
        """The configuration.

        :raises Failure: with a line for each mistake in it.
        """
        try:
            return load(self.config, os.environ)
        except ConfigurationError as error:
            raise Failure(str(error)) from None

    def client(self, settings: Settings, *, new: bool = False) -> client.Client:
        """The store, by the running server or by a writer of our own; to be used as a context manager.

        :param new: whether a store may be made where nobody has named the data directory. Else one would be made in
            whatever folder the command is given in, and the server would know nothing of it.
        :raises Failure: where neither can be had.
        """
        if not new and not names_data_dir(settings, os.environ):
            need_store(settings)
        try:
            return client.connect(settings.server.data_dir, worker_settings(settings))
        except client.Unavailable as error:
            raise Failure(f"The store cannot be opened: {error}") from None

    def perform(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Have one operation done; what it says.

        :raises Failure: where it cannot be.
        """
        settings = self.settings()
        try:
            with self.client(settings) as asking:
                said, _ = asking.perform(operation, arguments)
        except client.OperationRefused as error:
            raise Failure(error.detail or error.kind) from None
        except client.Unavailable as error:
            raise Failure(str(error)) from None
        return said


def database(settings: Settings) -> Path:
    """The store's file."""
    return Path(str(make_url(settings.storage.url).database))


def need_store(settings: Settings) -> None:
    """See that there is a store.

    :raises Failure: where there is none, or it cannot be told.
    """
    data_dir, path = settings.server.data_dir, database(settings)
    try:
        if data_dir.is_dir() and path.is_file():
            return
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None
    line = f"There is no store in {data_dir}"
    if names_data_dir(settings, os.environ):
        raise Failure(f"{line}.")
    raise Failure(
        f"{line}, where it is looked for since no data-dir is set: give the server's --config FILE, with data-dir in it, "
        "or go to the folder where the server is started; it makes its store when it starts for the first time."
    )


def full_name(name: str, settings: Settings) -> str:
    """A login name with its domain."""
    return name if "@" in name else f"{name}@{settings.server.hostname}"
