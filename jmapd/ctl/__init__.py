"""The `jmapctl` command: accounts, import, connections, check-config and watch."""

from jmapd.ctl.command import main

__all__ = ["main"]
