"""The commands and options of `jmapctl`; what each does is in the module beside."""

from __future__ import annotations

from pathlib import Path

import click

from jmapd.ctl import accounts, backup, bringing, checking, connections, shipped, tokens, watching
from jmapd.ctl.opening import Opening


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path),
    help="The server's TOML file; default: the built-in defaults.",
)
@click.version_option(package_name="jmapd")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """Look after a jmapd server's accounts and mail, whether it runs or not."""
    context.obj = Opening(config)


@main.command("check-config")
@click.pass_obj
def check_config(opening: Opening) -> None:
    """Tell all that is wrong with the configuration."""
    opening.settings()
    click.echo(f"{opening.config or 'The built-in configuration'} is valid")


main.add_command(accounts.account)
main.add_command(tokens.token)
main.add_command(bringing.bring)
main.add_command(backup.backup)
main.add_command(backup.restore)
main.add_command(checking.check)
main.add_command(connections.connections)
main.add_command(watching.watch)
main.add_command(shipped.example_config)
main.add_command(shipped.units)
main.add_command(shipped.completion)
