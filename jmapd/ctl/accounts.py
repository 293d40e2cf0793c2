"""`jmapctl account`: who has mail here."""

from __future__ import annotations

from typing import Any

import click
from argon2 import PasswordHasher

from jmapd.ctl import passwords
from jmapd.ctl.opening import Failure, Opening, full_name
from jmapd.workers.client import OperationRefused, Unavailable

_PASSWORD_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input's first line."
)


@click.group()
def account() -> None:
    """Add, list and delete accounts, and set passwords."""


@account.command()
@click.argument("name")
@click.option("--bare", is_flag=True, help="Make the Inbox alone, without Drafts, Sent and so on.")
@_PASSWORD_STDIN
@click.pass_obj
def add(opening: Opening, name: str, bare: bool, password_stdin: bool) -> None:
    """Make the account NAME: an address, or a name that gets the server's hostname."""
    settings = opening.settings()
    address = full_name(name, settings)
    arguments = {"name": address, "hash": hashed(_password(address, password_stdin)), "bare": bare}
    said = _perform(opening, "account_add", arguments)
    click.echo(f"Account {address} added ({said['account']}).")


@account.command("list")
@click.pass_obj
def list_accounts(opening: Opening) -> None:
    """Print each account's address, id, number of messages and their octets."""
    rows = _perform(opening, "account_list", {})["accounts"]
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row['name']:<{width}}  {row['id']:<8} {row['emails']:>9,} messages {row['size']:>17,} octets")
    if not rows:
        where = opening.settings().server.data_dir
        click.echo(f"There are no accounts in {where} yet; `jmapctl account add NAME` makes one.", err=True)


@account.command()
@click.argument("name")
@_PASSWORD_STDIN
@click.pass_obj
def passwd(opening: Opening, name: str, password_stdin: bool) -> None:
    """Set the password of the account NAME."""
    address = full_name(name, opening.settings())
    _perform(opening, "account_passwd", {"name": address, "hash": hashed(_password(address, password_stdin))})
    click.echo(f"Password of {address} set.")


@account.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(opening: Opening, name: str, yes: bool) -> None:
    """Delete the account NAME with all its mail."""
    address = full_name(name, opening.settings())
    if not yes:
        click.confirm(f"Delete {address} and all mail in it, for ever?", abort=True)
    _perform(opening, "account_delete", {"name": address})
    click.echo(f"Account {address} deleted.")


def hashed(password: str) -> str:
    """What the store keeps of a password."""
    return PasswordHasher().hash(password)


def _password(address: str, from_stdin: bool) -> str:
    return passwords.checked(passwords.from_stdin() if from_stdin else passwords.prompted(address, twice=True))


def _perform(opening: Opening, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    settings = opening.settings()
    try:
        with opening.client(settings) as client:
            said, _ = client.perform(operation, arguments)
    except OperationRefused as error:
        raise Failure(error.detail or error.kind) from None
    except Unavailable as error:
        raise Failure(str(error)) from None
    return said
