"""The pages that need the installed package, followed on a booted Debian, and other people's clients on its service.

boot.sh runs it, inside; there, a page's ``$`` is a user of its own.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.docs import homes
from tests.docs.homes import Home
from tests.docs.overlay import overlaid
from tests.docs.reader import Reader
from tests.system import test_third_party_clients as clients
from tests.system.corpus import write_mbox
from tests.system.server import PASSWORD, USER, Server

HOST = "mail.example.org"
CERTIFICATE = Path("/etc/jmapd/tls/certificate.pem")
READER = Path("/home/reader")
ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": os.environ["PATH"],
    "DEBIAN_FRONTEND": "noninteractive",
    # what the editor that systemctl opens makes of a file
    "SYSTEMD_EDITOR": f"cp {READER}/jmapd/edited",
    # there is no network: what pip is asked for is here
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "/srv/in/wheels",
}
SOMEBODY = ("runuser", "--user", "reader", "--", "env", f"HOME={READER}")


def configure(text: str, name: str) -> None:
    """Put a part of a configuration where the page says."""
    path = Path(name)
    assert path == Path("/etc/jmapd/jmapd.toml")
    path.write_text(overlaid(path.read_text(), text))


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where the reader has cloned the repository."""
    subprocess.run(["useradd", "--create-home", "reader"], check=True)
    made = READER / "jmapd"
    made.mkdir()
    subprocess.run(["chown", "reader:", made], check=True)
    # Debian's installer would have written the first
    with Path("/etc/hosts").open("a") as hosts:
        hosts.write(f"127.0.0.1 localhost\n127.0.0.1 {HOST}\n")
    return made


@pytest.mark.parametrize("name", homes.pages(Home.DEBIAN))
def test_a_page_on_debian(name: str, folder: Path) -> None:
    becomes = {"": (), "#": (), "$": SOMEBODY}
    by = homes.substitutions(Home.DEBIAN)
    with closing(Reader(folder, ENVIRONMENT, by, configure, becomes)) as reader:
        reader.follow(homes.of(name))
        # what the page leads to is a server that is there, on systemd's socket
        with socket.create_connection(("localhost", 443), 20):
            assert subprocess.run(["systemctl", "is-active", "jmapd.service", "jmapd.socket"]).returncode == 0


@pytest.mark.parametrize("name", homes.pages(Home.DEBIAN_PROXY))
def test_the_package_gives_its_port_to_a_proxy(name: str, folder: Path) -> None:
    configuration = Path("/etc/jmapd/jmapd.toml")
    kept = configuration.read_text()
    add = ["jmapctl", "account", "add", "proxied@example.org", "--password-stdin"]
    subprocess.run(add, input="secret\n", text=True, check=True, env=ENVIRONMENT)
    try:
        with closing(Reader(folder, ENVIRONMENT, homes.substitutions(Home.DEBIAN_PROXY), configure)) as reader:
            reader.follow(homes.of(name))
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("localhost", 443), 20)
            # as the proxy asks
            said = reader.run(
                "curl --silent --fail --user proxied@example.org:secret --header 'X-Forwarded-For: 192.0.2.7'"
                " http://127.0.0.1:8080/jmap/session"
            )
            assert f'"apiUrl":"https://{HOST}/' in said
            assert "192.0.2.7" in reader.run("journalctl --unit jmapd --lines 20")
    finally:
        configuration.write_text(kept)
        for command in ("revert jmapd.socket", "restart jmapd.socket jmapd.service"):
            subprocess.run(["systemctl", *command.split()], check=True)


def test_the_certificate_of_the_acme_client_is_the_one_that_is_served() -> None:
    kept = CERTIFICATE.read_text().strip()
    until = time.monotonic() + 20
    while ssl.get_server_certificate((HOST, 443)).strip() != kept:
        assert time.monotonic() < until
        time.sleep(0.1)


class Installed(Server):
    """The service, with what the tests of a checkout's server ask of theirs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"https://{HOST}"

    @property
    def certificate(self) -> str:
        return str(CERTIFICATE)

    def jmapctl(self, *arguments: str, input: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["jmapctl", *arguments], input=input, capture_output=True, text=True, check=check, env=ENVIRONMENT
        )


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The service with a mailing list's mbox of 5,000 messages in it, and nothing else in that account."""
    server = Installed(tmp_path_factory.mktemp("third-party"))
    write_mbox(server.folder / "list.mbox", clients.MESSAGES)
    server.jmapctl("account", "delete", USER, "--yes")
    server.add_account(USER, PASSWORD)
    said = server.jmapctl("import", USER, str(server.folder / "list.mbox"))
    assert f"{clients.MESSAGES:,} messages imported" in said.stdout
    return server


# the very same tests, and their client
globals().update({name: value for name, value in vars(clients).items() if name.startswith("test_") or name == "client"})
