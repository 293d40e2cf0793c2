"""What comes with jmapd, printed to be put where it belongs: an example configuration, systemd's units, completion."""

from __future__ import annotations

import sysconfig
from importlib.resources import files
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from jmapd.ctl.opening import Failure, Opening

UNITS = ("jmapd.service", "jmapd.socket")
SHELLS = ("bash", "fish", "zsh")

# as the Debian package has them
_TWISTD, _CONFIG = "/usr/lib/jmapd/bin/twistd", "/etc/jmapd/jmapd.toml"


@click.command("example-config")
def example_config() -> None:
    """Print a configuration file that has every setting, with its default and a comment."""
    click.echo(_shipped("jmapd.toml"), nl=False)


@click.command()
@click.option(
    "--write",
    "folder",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Write them there, such as /etc/systemd/system, in place of what has their names.",
)
@click.pass_obj
def units(opening: Opening, folder: Path | None) -> None:
    """Print systemd's units for this installation; they need a user jmapd and a group ssl-cert.

    The service gets the configuration that --config names, else /etc/jmapd/jmapd.toml.
    """
    for name in UNITS:
        text = _adjusted(_shipped(f"systemd/{name}"), opening.config)
        if folder is None:
            click.echo(f"# {name}\n{text}")
            continue
        try:
            (folder / name).write_text(text)
        except OSError as error:
            raise Failure(f"{folder / name}: {error.strerror}") from None
        click.echo(folder / name)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete jmapctl's commands and options.

    In bash: source <(jmapctl completion bash).
    """
    root = context.find_root()
    complete = get_completion_class(shell)
    assert complete is not None
    click.echo(complete(root.command, {}, "jmapctl", "_JMAPCTL_COMPLETE").source())


def _shipped(name: str) -> str:
    return (files("jmapd") / "etc" / name).read_text()


def _adjusted(unit: str, config: Path | None) -> str:
    """A unit that starts the twistd beside this very jmapctl."""
    twistd = Path(sysconfig.get_path("scripts")) / "twistd"
    unit = unit.replace(_TWISTD, _word(twistd))
    return unit if config is None else unit.replace(_CONFIG, _word(config.absolute()))


def _word(path: Path) -> str:
    """A path as one word of a command in a unit (systemd.service(5))."""
    word = str(path).replace("\\", r"\\").replace('"', r"\"").replace("%", "%%")
    return f'"{word}"' if any(character in word for character in " \t\\\"'") else word
