"""Where each block of README.md and docs/ is tried, and what stands there in place of what the page says."""

from __future__ import annotations

import enum
from pathlib import Path

from tests.docs.pages import ROOT, Block, blocks


class Home(enum.Enum):
    """Where a block is tried."""

    CLONE = "in a clone of the repository, with `make run`"
    ENVIRONMENT = "in a clone of the repository, without make"
    SERVER = "beside a server with one account"
    PROXY = "beside a server behind nginx"
    BROWSER = "in a page in Chromium"
    DEBIAN = "on a booted Debian, by tests/packaging"
    DEBIAN_PROXY = "on a booted Debian, its own port given to a proxy"


HOMES = {
    # first of all on its machine, for it begins with nothing
    "docs/tutorial/first-client.md": Home.DEBIAN,
    "README.md": Home.CLONE,
    "README.md#From a web page": Home.BROWSER,
    "README.md#On Debian 12": Home.DEBIAN,
    "README.md#Without make": Home.ENVIRONMENT,
    "docs/howto/backup.md": Home.DEBIAN,
    "docs/howto/monitoring.md": Home.SERVER,
    "docs/howto/moving-in.md": Home.SERVER,
    "docs/howto/proxies.md": Home.PROXY,
    "docs/howto/proxies.md#The Debian package": Home.DEBIAN_PROXY,
    "docs/howto/systemd.md": Home.DEBIAN,
    "docs/howto/tls.md": Home.DEBIAN,
    "docs/reference/settings.md": Home.SERVER,
}
"""By page, or by page and heading; in this order, where several have one home."""

INCLUDED = {"etc/monitoring": "test_monitoring.py", "etc/proxies": "proxies.py"}
"""What runs the files that pages include, by their folders."""

NOT_RUN = {"make test": "it is what runs the tests"}
"""Commands that no test types, and why."""

SUBSTITUTIONS: dict[Home, dict[str, str]] = {
    Home.CLONE: {
        "8443": "{port}",
        "--config FILE": "",
        "{BLF-CRYPT}$2y$…": "{BLF-CRYPT}{bcrypt}",
        "revoke ID": "revoke $(jmapctl token list | tail -1 | cut -d' ' -f1)",
        "close w7": "close $(jmapctl connections | grep --only-matching --max-count=1 '^w[0-9]*')",
        "jmapctl ": "jmapctl --config etc/jmapd.toml ",
        # it says at once that it is there
        "curl --no-buffer": "curl --no-buffer --include",
    },
    Home.ENVIRONMENT: {"example-config >": "example-config | sed s/8443/{port}/ >", "/opt/jmapd": "{opt}"},
    Home.SERVER: {"9090": "{observe}", "8443": "0"},
    Home.PROXY: {"https://mail.example.org": "{url} --ca-file {certificate}"},
    Home.BROWSER: {"your-domain.org": "localhost:{port}", "Bearer …": "Bearer {token}"},
    Home.DEBIAN: {
        # it was made by that before the container was booted, where there is no network
        "make deb": "cp -r /srv/in/build .",
    },
    Home.DEBIAN_PROXY: {},
}
"""What stands in place of what a page says. What is in braces is known when the test runs."""


def home(block: Block) -> Home | None:
    """Where a block is tried."""
    return HOMES.get(f"{block.page}#{block.section}") or HOMES.get(block.page)


def pages(where: Home) -> list[str]:
    """What is tried somewhere."""
    return [name for name, found in HOMES.items() if found is where]


def of(name: str) -> list[Block]:
    """The blocks of one of `HOMES`, but for files that are included."""
    page, _, section = name.partition("#")
    found = [block for block in blocks() if block.page == page and block.included is None]
    return [block for block in found if home(block) is HOMES[name] and section in ("", block.section)]


def substitutions(where: Home, **known: object) -> dict[str, str]:
    """What stands in place of what, with what is known now."""
    made = {}
    for what, other in SUBSTITUTIONS[where].items():
        for name, value in known.items():
            other = other.replace(f"{{{name}}}", str(value))  # noqa: PLW2901
        made[what] = other
    return made


def tried_by(included: Path) -> str | None:
    """The file of tests/docs that runs what a page includes."""
    return INCLUDED.get(str(included.relative_to(ROOT).parent))
