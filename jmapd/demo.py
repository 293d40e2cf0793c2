"""What `make run` shows: a demo account with some mail, and how to reach it.

It runs before the server, so that whoever starts it for the first time has something to look at; it leaves accounts
that are there alone, but for the demo's password where the environment sets one.
"""

from __future__ import annotations

import os
import secrets
import shlex
from pathlib import Path
from typing import Any

import click

from jmapd.auth import hashes
from jmapd.config import Settings
from jmapd.config.address import public_url, telling_listener
from jmapd.ctl.accounts import hashed
from jmapd.ctl.opening import Failure, Opening, full_name
from jmapd.demo_mail import SAMPLES, Sample
from jmapd.workers.client import Client, OperationRefused

USER = "demo"
PASSWORD_VARIABLE = "JMAPD_DEMO_PASSWORD"  # noqa: S105 (its name, not a password)
PASSWORD_FILE = "demo-password"  # noqa: S105 (its name, not a password)

_PASSWORD_OCTETS = 12


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The server's TOML file.")
def main(config: Path | None) -> None:
    """Make the demo account if there is no account yet, and print how to reach the server."""
    opening = Opening(config)
    settings = opening.settings()
    address = full_name(USER, settings)
    with opening.client(settings, new=True) as client:
        names = [one["name"] for one in client.perform("account_list", {})[0]["accounts"]]
        kept = settings.server.data_dir / PASSWORD_FILE
        if not names:
            _make(client, address, kept)
            names = [address]
        user = _shown(names, address)
        known = kept if _is_demo(user) and _is_known(client, user, kept) else None
    for line in lines(config, settings, user, known):
        click.echo(line)


def lines(config: Path | None, settings: Settings, user: str, known: Path | None) -> list[str]:
    """What a person needs to connect, a line each.

    :param known: the file with the user's password, where there is one.
    """
    url = public_url(settings) or f"https://{settings.server.hostname}:PORT"
    password = known.read_text().strip() if known else None
    own = settings.server.data_dir / "tls" / "certificate.pem"
    # without TLS here a proxy does it, whose certificate is not known
    certificate = (settings.server.tls.certificate or str(own)) if telling_listener(settings).tls else None
    configured = ["--config", str(config)] if config else []
    watch = ["jmapctl", *configured, "watch", "--user", user, *(["--password-file", str(known)] if known else [])]
    credentials = f"{user}:{password}" if password else user
    trust = ["--cacert", certificate] if certificate else []
    curl = ["curl", *trust, "--user", credentials, f"{url}/.well-known/jmap"]
    return [
        f"Session URL:    {url}/.well-known/jmap",
        f"WebSocket URL:  ws{url.removeprefix('http')}/jmap/ws",
        *([f"Certificate:    {certificate}"] if certificate else []),
        f"User:           {user}",
        f"Password:       {password or '(the one you have set)'}",
        f"Watch it live:  .venv/bin/{shlex.join(watch)}",
        f"Or fetch:       {shlex.join(curl)}",
    ]


def _is_demo(name: str) -> bool:
    # its domain is the hostname that was set when it was made
    return name.startswith(f"{USER}@")


def _shown(names: list[str], address: str) -> str:
    """Whose credentials are printed: the demo's where it is there."""
    return address if address in names else next(filter(_is_demo, names), names[0])


def _is_known(client: Client, user: str, kept: Path) -> bool:
    """Whether a file has the demo's password; one that the environment sets is made its password, and is kept there."""
    wanted = os.environ.get(PASSWORD_VARIABLE)
    password = wanted or (kept.read_text().strip() if kept.is_file() else "")
    right = bool(password) and _is_right(client, user, password)
    if wanted:
        _keep(kept, wanted)
        if not right:
            client.perform("account_passwd", {"name": user, "hash": hashed(wanted)})
    return right or bool(wanted)


def _is_right(client: Client, user: str, password: str) -> bool:
    try:
        said, _ = client.perform("credentials", {"name": user})
    except OperationRefused as error:
        # a server that runs tells nobody a hash
        return error.kind != "notFound"
    return hashes.verify(said["hash"], password)


def _keep(path: Path, password: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        # an older file keeps the mode it has
        os.fchmod(file.fileno(), 0o600)
        file.write(f"{password}\n")


def _make(client: Client, address: str, kept: Path) -> None:
    password = os.environ.get(PASSWORD_VARIABLE) or secrets.token_urlsafe(_PASSWORD_OCTETS)
    _keep(kept, password)
    client.perform("account_add", {"name": address, "hash": hashed(password), "bare": False})
    jobs = [("import", _arguments(address, sample), sample.raw(address)) for sample in SAMPLES]
    for said in client.perform_many(jobs):
        if isinstance(said, OperationRefused):
            raise Failure(f"A sample message was refused: {said.detail}")


def _arguments(address: str, sample: Sample) -> dict[str, Any]:
    return {
        "name": address,
        "mailbox": [sample.mailbox.capitalize()],
        "role": sample.mailbox,
        "keywords": sorted(sample.keywords),
        "received_at": sample.sent_at,
    }


if __name__ == "__main__":
    main()
