"""`jmapctl connections`: who is connected to the running server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from jmapd.ctl.opening import Failure, Opening, full_name
from jmapd.workers import client
from jmapd.workers.client import OperationRefused, Unavailable

_COLUMNS = ("id", "kind", "user", "address", "age", "messages", "octets", "unsent", "pushes", "requests")


@click.group(invoke_without_command=True)
@click.pass_context
def connections(context: click.Context) -> None:
    """List the connections that are open, or close some.

    Messages and octets are in/out; of HTTP connections, requests and answers. Pushes are the states that a client is
    still to be told of, requests those without an answer yet, and unsent what was written since it stopped reading.
    """
    if context.invoked_subcommand is None:
        rows = [_shown(row) for row in _rows(context.obj)]
        widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
        for row in (_COLUMNS, *rows):
            click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


@connections.command()
@click.argument("id", required=False)
@click.option("--user", help="Close all connections of this user.")
@click.pass_obj
def close(opening: Opening, id: str | None, user: str | None) -> None:
    """Close the connection ID, or those of a user. A WebSocket gets code 1008, so that its client stays away."""
    if (id is None) == (user is None):
        raise click.UsageError("Give an ID or --user.")
    name = None if user is None else full_name(user, opening.settings())
    closed = _perform(opening, "connections_close", {"id": id, "user": name})["closed"]
    if not closed:
        raise Failure(f"There is no connection {id}." if id else f"{name} has no connection.")
    click.echo(f"{closed} closed.")


def _rows(opening: Opening) -> Iterator[dict[str, Any]]:
    start: int | None = 0
    while start is not None:
        page = _perform(opening, "connections", {"from": start})
        yield from page["connections"]
        start = page["next"]


def _shown(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["id"],
        row["kind"],
        row["user"] or "-",
        row["address"],
        _age(row["seconds"]),
        f"{row['messages_in']}/{row['messages_out']}",
        f"{row['bytes_in']}/{row['bytes_out']}",
        str(row["unsent"]),
        str(row["pushes"]),
        str(row["requests"]),
    )


def _age(seconds: float) -> str:
    """A time as a person reads it: its two largest parts."""
    whole = int(seconds)
    parts = ((whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    first = next((at for at, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return "".join(f"{number}{unit}" for number, unit in parts[first : first + 2])


def _perform(opening: Opening, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        with client.connect_running(opening.settings().server.data_dir) as running:
            said, _ = running.perform(operation, arguments)
    except OperationRefused as error:
        raise Failure(error.detail or error.kind) from None
    except Unavailable as error:
        raise Failure(str(error)) from None
    return said
