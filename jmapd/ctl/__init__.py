"""The `jmapctl` command: accounts, import, check-config and watch."""

from jmapd.ctl.command import main

__all__ = ["main"]
