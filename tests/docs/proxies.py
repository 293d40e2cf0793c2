"""The proxies of etc/proxies/, run as they are shipped but for ports, paths and names, in front of a real jmapd."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from tests.system.server import Server

SHIPPED = Path(__file__).parents[2] / "etc" / "proxies"
START_SECONDS = 30.0


def replaced(text: str, by: dict[str, str]) -> str:
    """A shipped file with other texts in place of some, each of which is there."""
    for what, other in by.items():
        assert what in text, f"{what!r} is not in the shipped file"
        text = text.replace(what, other)
    return text


@attrs.frozen
class Place:
    """Where a proxy runs.

    :param folder: its own.
    :param port: where it listens.
    :param inside: where jmapd does.
    :param certificate: PEM, and its key beside.
    """

    folder: Path
    port: int
    inside: int
    certificate: Path
    key: Path


def nginx(at: Place) -> list[str]:
    """The configuration as Debian's nginx.conf includes it, in a main file that writes to its folder alone."""
    live = "/etc/letsencrypt/live/mail.example.org"
    site = replaced(
        (SHIPPED / "nginx.conf").read_text(),
        {
            "listen 443 ssl http2": f"listen 127.0.0.1:{at.port} ssl http2",
            f"{live}/fullchain.pem": str(at.certificate),
            f"{live}/privkey.pem": str(at.key),
            "mail.example.org": "localhost",
            "127.0.0.1:8080": f"127.0.0.1:{at.inside}",
        },
    )
    (at.folder / "site.conf").write_text(site)
    temporary = " ".join(
        f"{name}_temp_path {at.folder / name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (at.folder / "nginx.conf").write_text(
        f"daemon off; pid {at.folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {temporary} include {at.folder}/site.conf; }}\n"
    )
    return ["nginx", "-e", "stderr", "-c", str(at.folder / "nginx.conf")]


def haproxy(at: Place) -> list[str]:
    """The configuration alone: what Debian's own stands before it is not needed here."""
    pem = at.folder / "both.pem"
    pem.write_text(at.certificate.read_text() + at.key.read_text())
    text = replaced(
        (SHIPPED / "haproxy.cfg").read_text(),
        {
            "bind :443 ": f"bind 127.0.0.1:{at.port} ",
            "/etc/haproxy/mail.example.org.pem": str(pem),
            "127.0.0.1:8080": f"127.0.0.1:{at.inside}",
        },
    )
    (at.folder / "haproxy.cfg").write_text(text)
    return ["haproxy", "-db", "-f", str(at.folder / "haproxy.cfg")]


def caddy(at: Place) -> list[str]:
    """The configuration with a certificate that is there, in place of one that Caddy would fetch."""
    site = replaced(
        (SHIPPED / "Caddyfile").read_text(),
        {
            "mail.example.org {": f"https://localhost:{at.port} {{\n\tbind 127.0.0.1\n\ttls {at.certificate} {at.key}",
            "127.0.0.1:8080": f"127.0.0.1:{at.inside}",
        },
    )
    (at.folder / "Caddyfile").write_text(
        f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system {at.folder}\n}}\n{site}"
    )
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(at.folder / "Caddyfile")]


PROXIES: dict[str, Callable[[Place], list[str]]] = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy}


class Inner(Server):
    """A jmapd as etc/proxies/jmapd.toml has it.

    :param port: where the proxy will listen.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._port = port
        super().__init__(folder)

    def _configure(self, port: int) -> None:
        text = replaced(
            (SHIPPED / "jmapd.toml").read_text(),
            {
                'url = "https://mail.example.org"': f'url = "https://localhost:{self._port}"',
                'data-dir = "/var/lib/jmapd"': f'data-dir = "{self.data_dir}"',
                "mail.example.org": "localhost",
                "tcp:8080:": "tcp:0:",
                'throttle = "1s"': 'throttle = "100ms"',
            },
        )
        self.configuration.write_text(text)

    @property
    def inside(self) -> int:
        """Where it listens."""
        found = re.search(r"proxy listens at .*?port=(\d+)", "".join(self.log))
        assert found, self.log
        return int(found[1])


@contextmanager
def behind(name: str, folder: Path, certificate: Path, key: Path) -> Iterator[Inner]:
    """A server with one account behind a proxy."""
    assert shutil.which(name), f"{name} is not installed: apt install {name}"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = Inner(folder, port)
    try:
        server.start()
        server.add_account()
        own = folder / name
        own.mkdir()
        command = PROXIES[name](Place(own, port, server.inside, certificate, key))
        log = own / "log"
        with log.open("w") as output:
            proxy = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=own)
        try:
            _wait_for(port, proxy, log)
            yield server
        finally:
            proxy.terminate()
            proxy.wait(30)
    finally:
        if server.running():
            server.kill()


def _wait_for(port: int, proxy: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the proxy takes connections; it says so nowhere that is the same for all."""
    for _ in range(int(START_SECONDS / 0.1)):
        assert proxy.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            try:
                proxy.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        else:
            return
    raise AssertionError(f"the proxy does not listen:\n{log.read_text()}")
