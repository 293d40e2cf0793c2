"""The command line of `twistd jmapd`."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from twisted.application.service import IService
from twisted.python import usage

from jmapd.config import ConfigurationError, load, load_again


class Options(usage.Options):
    """What may follow `twistd jmapd`."""

    synopsis = "[--config FILE]"
    longdesc = "Serves mail over JMAP. Without a file the built-in defaults hold: TLS on port 8443, loopback only."
    optParameters = (["config", "c", None, "The TOML file with the settings."],)

    def parseArgs(self) -> None:
        """Take no further arguments."""


def makeService(options: Options) -> IService:
    """Make the whole server out of its configuration.

    A wrong configuration ends the process with EX_CONFIG of sysexits(3) and a line for each mistake on standard error.
    """
    # here, not above: what twistd's own options choose must be in force before the reactor is installed
    from twisted.internet import reactor  # noqa: PLC0415

    from jmapd.observe.clock import make_steady  # noqa: PLC0415
    from jmapd.observe.twistd import LoggedService  # noqa: PLC0415
    from jmapd.service import make_service  # noqa: PLC0415

    path = Path(options["config"]) if options["config"] else None
    # twistd may be somewhere else when the file is read again
    read = partial(load_again, path and path.absolute())
    try:
        settings = load(path, os.environ)
    except ConfigurationError as error:
        sys.stderr.writelines(f"{line}\n" for line in error.lines)
        raise SystemExit(os.EX_CONFIG) from None
    make_steady(reactor)
    logged = LoggedService(reactor, options.parent, settings.log.level, settings.log.json)
    make_service(settings, reactor, read, logged).setServiceParent(logged)
    service: IService = logged
    return service
