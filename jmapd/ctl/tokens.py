"""`jmapctl token`: what programs log in with in a password's place."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from jmapd.auth import token as text
from jmapd.config import kinds
from jmapd.ctl.opening import Opening, full_name

_EXPIRES = kinds.duration("1s", "36500d")


def _seconds(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """The seconds of a time as the configuration writes it."""
    if value is None:
        return None
    try:
        return _EXPIRES.read(float(value) if value.isdigit() else value)
    except kinds.Unfit:
        raise click.BadParameter(f"{value!r} must be {_EXPIRES.allowed}.") from None


@click.group()
def token() -> None:
    """Make, list and revoke tokens, with which programs log in as an account."""


@token.command()
@click.argument("name")
@click.option(
    "--expires", callback=_seconds, metavar="TIME", help="How long it is good, such as 90d; else until it is revoked."
)
@click.option("--read-only", is_flag=True, help="Let it read mail and change nothing.")
@click.option("--label", default="", help="What it is for, to know it again.")
@click.pass_obj
def add(opening: Opening, name: str, expires: float | None, read_only: bool, label: str) -> None:
    """Make a token for the account NAME, and print it this once.

    It goes into an Authorization field as Bearer, or in the password's place.
    """
    secret = text.make()
    arguments = {
        "name": full_name(name, opening.settings()),
        "hash": text.hashed(secret),
        "label": label,
        "lasts": expires,
        "read_only": read_only,
    }
    said = opening.perform("token_add", arguments)
    click.echo(secret)
    click.echo(f"This is the token {said['token']} of {said['name']}; it is not shown again.", err=True)


@token.command("list")
@click.argument("name", required=False)
@click.pass_obj
def list_tokens(opening: Opening, name: str | None) -> None:
    """Print the tokens of the account NAME, or of all: id, account, scope, dates and label."""
    address = None if name is None else full_name(name, opening.settings())
    rows = opening.perform("token_list", {"name": address})["tokens"]
    width = max((len(row["name"]) for row in rows), default=0)
    now = time.time()
    for row in rows:
        scope = "read-only" if row["read_only"] else "all"
        dates = f"made {_day(row['made'])}  {_end(row['expires'], now):<18}"
        click.echo(f"{row['id']:<6} {row['name']:<{width}}  {scope:<9}  {dates}  {row['label']}".rstrip())


@token.command()
@click.argument("id")
@click.pass_obj
def revoke(opening: Opening, id: str) -> None:
    """Make the token ID good no more; who is there with it is sent away."""
    said = opening.perform("token_revoke", {"token": id})
    click.echo(f"Token {id} of {said['name']} revoked.")


def _end(expires: int | None, now: float) -> str:
    if expires is None:
        return "does not expire"
    return f"{'expired' if expires <= now else 'expires'} {_day(expires)}"


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
