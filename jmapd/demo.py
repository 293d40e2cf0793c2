"""What `make run` shows: a demo account with some mail, and how to reach it.

It runs before the server, so that whoever starts it for the first time has something to look at; it leaves accounts
that are there alone.
"""

from __future__ import annotations

import os
import secrets
import shlex
from pathlib import Path
from typing import Any

import click

from jmapd.config import Settings
from jmapd.config.address import public_url
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
        if not names:
            _make(client, address, _new_password(settings))
    user = address if address in names or not names else names[0]
    for line in lines(config, settings, user, settings.server.data_dir / PASSWORD_FILE if user == address else None):
        click.echo(line)


def lines(config: Path | None, settings: Settings, user: str, kept: Path | None) -> list[str]:
    """What a person needs to connect, a line each.

    :param kept: the file with the user's password, where it is the demo's; somebody who has removed it knows it.
    """
    url = public_url(settings) or f"https://{settings.server.hostname}:PORT"
    known = kept if kept is not None and kept.is_file() else None
    password = known.read_text().strip() if known else None
    own = settings.server.data_dir / "tls" / "certificate.pem"
    certificate = settings.server.tls.certificate or str(own)
    configured = ["--config", str(config)] if config else []
    watch = ["jmapctl", *configured, "watch", "--user", user, *(["--password-file", str(known)] if known else [])]
    credentials = f"{user}:{password}" if password else user
    curl = ["curl", "--cacert", certificate, "--user", credentials, f"{url}/.well-known/jmap"]
    return [
        f"Session URL:    {url}/.well-known/jmap",
        f"WebSocket URL:  ws{url.removeprefix('http')}/jmap/ws",
        f"Certificate:    {certificate}",
        f"User:           {user}",
        f"Password:       {password or '(the one you have set)'}",
        f"Watch it live:  .venv/bin/{shlex.join(watch)}",
        f"Or fetch:       {shlex.join(curl)}",
    ]


def _new_password(settings: Settings) -> str:
    password = os.environ.get(PASSWORD_VARIABLE) or secrets.token_urlsafe(_PASSWORD_OCTETS)
    path = settings.server.data_dir / PASSWORD_FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        # an older file keeps the mode it has
        os.fchmod(file.fileno(), 0o600)
        file.write(f"{password}\n")
    return password


def _make(client: Client, address: str, password: str) -> None:
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
