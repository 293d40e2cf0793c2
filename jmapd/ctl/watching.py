"""`jmapctl watch`: the options; the client itself is in `live.py`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from jmapd.config import Settings, kinds
from jmapd.config.address import public_url, telling_listener
from jmapd.ctl import passwords
from jmapd.ctl.opening import Failure, Opening, full_name

_PASSWORD_VARIABLE = "JMAPCTL_PASSWORD"  # noqa: S105 (its name, not a password)


@click.command()
@click.option("--user", required=True, help="Who signs in.")
@click.option("--url", help="The server's URL, such as https://mail.example.org; default: from the configuration.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its first line is the password.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input's first line.")
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Trust these certificates alone (PEM).",
)
@click.pass_obj
def watch(
    opening: Opening, user: str, url: str | None, password_file: Path | None, password_stdin: bool, ca_file: Path | None
) -> None:
    """Sign in over the WebSocket as a client does; print the newest messages, then every push and what it changed.

    The password comes from a prompt, or from the environment's JMAPCTL_PASSWORD. The server's own self-signed
    certificate is trusted where it is in the data directory.
    """
    settings = opening.settings()
    base = _checked(url) if url else public_url(settings)
    if base is None:
        raise Failure("The configuration does not tell the port: give --url.")
    name = full_name(user, settings)
    password = _password(name, password_file, password_stdin)
    # here, not above: it takes half a second to import, and the reactor with it
    from jmapd.ctl import live  # noqa: PLC0415

    live.run(base, name, password, _trusted(settings, ca_file))


def _checked(url: str) -> str:
    try:
        return kinds.HTTP_URL.read(url)
    except kinds.Unfit:
        raise Failure(f"--url {url}: must be {kinds.HTTP_URL.allowed}") from None


def _password(name: str, file: Path | None, from_stdin: bool) -> str:
    if file is not None:
        return passwords.from_file(file)
    if from_stdin:
        return passwords.from_stdin()
    return os.environ.get(_PASSWORD_VARIABLE) or passwords.prompted(name, twice=False)


def _trusted(settings: Settings, given: Path | None) -> bytes | None:
    """PEM certificates to trust; ``None`` for those that the system does."""
    if given is not None:
        pem = given.read_bytes()
        if b"-----END CERTIFICATE-----" not in pem:
            raise Failure(f"--ca-file {given}: holds no certificate in PEM form")
        return pem
    own = settings.server.data_dir / "tls" / "certificate.pem"
    # without TLS here a proxy does it
    ours = telling_listener(settings).tls and not settings.server.tls.certificate
    return own.read_bytes() if ours and own.is_file() else None
