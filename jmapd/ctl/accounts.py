"""`jmapctl account`: who has mail here."""

from __future__ import annotations

from collections.abc import Callable

import click
from argon2 import PasswordHasher

from jmapd.auth import hashes
from jmapd.auth.hashes import UnusableHash
from jmapd.config import kinds
from jmapd.ctl import passwords
from jmapd.ctl.opening import Failure, Opening, full_name

_PASSWORD_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input's first line."
)
_PASSWORD_HASH = click.option(
    "--password-hash",
    metavar="HASH",
    help="Take over a password's hash: {ARGON2ID}…, {BLF-CRYPT}… or {SHA512-CRYPT}…, as Dovecot writes them.",
)

_NO_BOUND = "none"
_SIZE = kinds.size("1B", "1000000GB")
_COUNT = kinds.count(1, 10**12)


@click.group()
def account() -> None:
    """Add, list, share and delete accounts, set passwords, and let nobody in for a while."""


@account.command()
@click.argument("name")
@click.option("--bare", is_flag=True, help="Make the Inbox alone, without Drafts, Sent and so on.")
@_PASSWORD_STDIN
@_PASSWORD_HASH
@click.pass_obj
def add(opening: Opening, name: str, bare: bool, password_stdin: bool, password_hash: str | None) -> None:
    """Make the account NAME: an address, or a name that gets the server's hostname."""
    settings = opening.settings()
    address = full_name(name, settings)
    arguments = {"name": address, "hash": _hash(address, password_stdin, password_hash), "bare": bare}
    said = opening.perform("account_add", arguments)
    click.echo(f"Account {address} added ({said['account']}).")


@account.command("list")
@click.pass_obj
def list_accounts(opening: Opening) -> None:
    """Print each account's address, id, number of messages and their octets."""
    rows = opening.perform("account_list", {})["accounts"]
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        disabled = "  disabled" if row["disabled"] else ""
        size = f"{row['emails']:>9,} messages {row['size']:>17,} octets"
        click.echo(f"{row['name']:<{width}}  {row['id']:<8} {size}{disabled}")
        for share in row["shared"]:
            click.echo(f"  shared with {share['name']}{', read-only' if share['read_only'] else ''}")
    if not rows:
        where = opening.settings().server.data_dir
        click.echo(f"There are no accounts in {where} yet; `jmapctl account add NAME` makes one.", err=True)


@account.command()
@click.argument("name")
@_PASSWORD_STDIN
@_PASSWORD_HASH
@click.pass_obj
def passwd(opening: Opening, name: str, password_stdin: bool, password_hash: str | None) -> None:
    """Set the password of the account NAME."""
    address = full_name(name, opening.settings())
    opening.perform("account_passwd", {"name": address, "hash": _hash(address, password_stdin, password_hash)})
    click.echo(f"Password of {address} set.")


@account.command()
@click.argument("name")
@click.pass_obj
def disable(opening: Opening, name: str) -> None:
    """Let nobody log in to the account NAME; whoever is there is sent away, and the mail is kept."""
    address = full_name(name, opening.settings())
    opening.perform("account_disable", {"name": address})
    click.echo(f"Account {address} disabled.")


@account.command()
@click.argument("name")
@click.pass_obj
def enable(opening: Opening, name: str) -> None:
    """Let the account NAME be logged in to again."""
    address = full_name(name, opening.settings())
    opening.perform("account_enable", {"name": address})
    click.echo(f"Account {address} enabled.")


def _bound(kind: kinds.Kind[int]) -> Callable[[click.Context, click.Parameter, str | None], int | str | None]:
    """What reads an option that is a bound, or ``none``."""

    def read(context: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
        if value is None or value == _NO_BOUND:
            return value
        try:
            return kind.read(int(value) if value.isdigit() else value)
        except kinds.Unfit:
            raise click.BadParameter(f"{value!r} must be {kind.allowed}, or {_NO_BOUND}.") from None

    return read


@account.command()
@click.argument("name")
@click.option("--size", callback=_bound(_SIZE), metavar="SIZE", help="Octets of all messages, such as 5GB, or none.")
@click.option("--emails", callback=_bound(_COUNT), metavar="N", help="Number of messages, or none.")
@click.pass_obj
def quota(opening: Opening, name: str, size: int | str | None, emails: int | str | None) -> None:
    """Bound what the account NAME may hold, or print what it holds."""
    given = {"size": size, "emails": emails}
    bounds = {option: None if value == _NO_BOUND else value for option, value in given.items() if value is not None}
    said = opening.perform("account_quota", {"name": full_name(name, opening.settings()), **bounds})
    click.echo(f"{said['emails']:,}{_of(said['max_emails'])} messages, {said['size']:,}{_of(said['max_size'])} octets.")


def _of(bound: int | None) -> str:
    return "" if bound is None else f" of {bound:,}"


@account.command()
@click.argument("name")
@click.argument("user")
@click.option("--read-only", is_flag=True, help="They may change nothing there.")
@click.pass_obj
def share(opening: Opening, name: str, user: str, read_only: bool) -> None:
    """Let USER see the account NAME beside their own; once more to change what they may do there."""
    _share(opening, "account_share", name, user, read_only=read_only)
    click.echo(f"Account {name} is shared with {user}{', read-only' if read_only else ''}.")


@account.command()
@click.argument("name")
@click.argument("user")
@click.pass_obj
def unshare(opening: Opening, name: str, user: str) -> None:
    """Let USER see the account NAME no more."""
    _share(opening, "account_unshare", name, user)
    click.echo(f"Account {name} is not shared with {user} any more.")


def _share(opening: Opening, operation: str, name: str, user: str, **more: bool) -> None:
    settings = opening.settings()
    opening.perform(operation, {"name": full_name(name, settings), "other": full_name(user, settings), **more})


@account.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(opening: Opening, name: str, yes: bool) -> None:
    """Delete the account NAME with all its mail."""
    address = full_name(name, opening.settings())
    if not yes:
        click.confirm(f"Delete {address} and all mail in it, for ever?", abort=True)
    opening.perform("account_delete", {"name": address})
    click.echo(f"Account {address} deleted.")


def hashed(password: str) -> str:
    """What the store keeps of a password."""
    return PasswordHasher().hash(password)


def _hash(address: str, from_stdin: bool, given: str | None) -> str:
    if given is None:
        return hashed(
            passwords.checked(passwords.from_stdin() if from_stdin else passwords.prompted(address, twice=True))
        )
    if from_stdin:
        raise click.UsageError("--password-stdin and --password-hash exclude each other.")
    try:
        return hashes.read(given)
    except UnusableHash as error:
        raise Failure(str(error)) from None
