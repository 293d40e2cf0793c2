"""What README.md and docs/ have their readers type and write is done here, as `homes.py` says where.

What needs the installed package is done by tests/packaging. It needs nginx and Chromium, and pip its registry: `tox run
-e docs` runs it, `make test` does not.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import bcrypt
import pytest

from jmapd.web.certificates import self_signed
from tests.browsers.chromium import Chromium
from tests.docs import homes
from tests.docs.homes import Home
from tests.docs.overlay import overlaid
from tests.docs.pages import ROOT, blocks
from tests.docs.proxies import behind
from tests.docs.reader import PASSWORD, SERVES, Reader
from tests.system.server import BIN, Server

NOT_SOURCES = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "var", "dropin.cache")
MESSAGE = "From: bob@example.org\nSubject: Hello\n{more}\nWorld\n"
JAVASCRIPT = """() => new Promise(async (resolve) => {{
    {text}
    socket.onopen = () => resolve(`open: ${{socket.protocol}}`);
    socket.onerror = () => resolve("error");
}})"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def environment(folder: Path, bin: Path) -> dict[str, str]:
    """Of commands whose reader lives in a folder; pip finds its registry and its cache there too."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    passed = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    own = {"HOME": str(folder), "PATH": f"{bin}:{os.environ['PATH']}", "LANG": "C.UTF-8", "XDG_CACHE_HOME": str(cache)}
    return {**passed, **own}


def maildir(folder: Path) -> None:
    """Two messages, one of them new."""
    for number, name in enumerate(("cur/1:2,S", "new/2")):
        path = folder / name
        path.parent.mkdir(parents=True)
        path.write_text(MESSAGE.format(more=f"Message-ID: <{number}@example.org>\n"))
    (folder / "tmp").mkdir()


def mbox(path: Path, more: str = "") -> None:
    """One message."""
    path.write_text("From bob@example.org Mon Jan  5 10:00:00 2026\n" + MESSAGE.format(more=more))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A copy of the repository, whose server will listen on this port."""
    folder, port = tmp_path_factory.mktemp("clone") / "jmapd", free_port()
    shutil.copytree(ROOT, folder, ignore=NOT_SOURCES, symlinks=True)
    shipped = folder / "etc" / "jmapd.toml"
    shipped.write_text(shipped.read_text().replace("8443", str(port)))
    return folder, port


def in_clone(clone: tuple[Path, int], where: Home) -> Reader:
    """A reader there."""
    folder, port = clone
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4, b"2a")).decode()
    return Reader(
        folder,
        environment(folder.parent, folder / ".venv" / "bin"),
        homes.substitutions(where, port=port, bcrypt=hashed, opt=folder.parent / "opt"),
        lambda text, name: pytest.fail(f"nothing here takes {text}"),
        skips=frozenset(homes.NOT_RUN),
    )


def test_the_readme_in_a_clone(clone: tuple[Path, int]) -> None:
    folder, _ = clone
    maildir(folder.parent / "Maildir")
    mbox(folder / "old.mbox")
    with closing(in_clone(clone, Home.CLONE)) as reader:
        read = [block for name in homes.pages(Home.CLONE) for block in homes.of(name)]
        first = [block for block in read if block.section in ("Two commands", "First steps with a client")]
        assert read[: len(first)] == first
        reader.follow(first)
        stays = dict(reader.staying)
        assert next(iter(stays)) == SERVES
        assert len(stays) == 4
        # what `make run` prints works as well
        fetch = re.search("Or fetch: +(.+)", stays[SERVES].said)
        assert fetch
        assert '"username":"demo@localhost"' in reader.run(fetch[1])
        # as the page says: they hear of each change
        told = {"watch": "Push: .*\n.*Hello", "curl": "event: state", "client.py": '"@type":"StateChange"'}
        reader.run(".venv/bin/jmapctl import demo old.mbox")
        for word, what in told.items():
            (terminal,) = [terminal for text, terminal in stays.items() if word in text]
            terminal.hears(what)
        reader.follow(read[len(first) :])
        assert (folder / "jmapd-monday.tar").is_file()


def test_the_readme_without_make(clone: tuple[Path, int]) -> None:
    with closing(in_clone(clone, Home.ENVIRONMENT)) as reader:
        for name in homes.pages(Home.ENVIRONMENT):
            reader.follow(homes.of(name))
        assert list(reader.staying)


def beside(server: Server, where: Home, **known: object) -> Reader:
    """A reader with a jmapctl that knows the server's configuration, as the Debian package's does."""
    bin = server.folder / "bin"
    bin.mkdir()
    (bin / "jmapctl").write_text(f'#!/bin/sh\nexec {BIN}/jmapctl --config {server.configuration} "$@"\n')
    (bin / "jmapctl").chmod(0o755)

    def configure(text: str, name: str) -> None:
        assert server.stop()
        server.configuration.write_text(overlaid(server.configuration.read_text(), text))
        server.start()

    return Reader(server.folder, environment(server.folder, bin), homes.substitutions(where, **known), configure)


@pytest.mark.parametrize("name", homes.pages(Home.SERVER))
def test_a_page_beside_a_server(name: str, tmp_path: Path) -> None:
    maildir(tmp_path / "Maildir")
    mbox(tmp_path / "All mail Including Spam and Trash.mbox", "X-Gmail-Labels: Inbox,Starred,Trips\n")
    server = Server(tmp_path)
    server.start()
    server.add_account()
    try:
        with closing(beside(server, Home.SERVER, observe=free_port())) as reader:
            reader.follow(homes.of(name))
    finally:
        assert server.stop()


@pytest.mark.parametrize("name", homes.pages(Home.PROXY))
def test_a_page_behind_a_proxy(name: str, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "localhost", datetime.now(UTC))
    with (
        behind("nginx", tmp_path, certificate, key) as server,
        closing(beside(server, Home.PROXY, url=server.url, certificate=certificate)) as reader,
    ):
        reader.follow(homes.of(name))


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial/first-client.md"])
def test_a_pages_client_is_of_any_account_and_ends_with_an_error(page: str, tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    for name in ("first", "demo", "anna"):
        server.add_account(f"{name}@localhost", PASSWORD)
    (block,) = (block for block in blocks() if block.page == page and block.language == "python")
    text = re.sub(r"(?m)^password = .*$", f"password = {PASSWORD!r}", block.text)
    text = re.sub(r'cafile="[^"]+"', f"cafile={server.certificate!r}", text)
    text = re.sub(r"https://localhost(:8443)?", server.url, text)
    wrong = text.replace('[["Mailbox/', '[["Folder/')
    assert wrong != text
    try:
        with subprocess.Popen([sys.executable, "-u", "-c", text], stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout
            response = json.loads(client.stdout.readline())
            client.terminate()
        name, said, _ = response["methodResponses"][0]
        assert name.startswith("Mailbox/")
        assert said["accountId"] != "a1"
        ended = subprocess.run([sys.executable, "-c", wrong], capture_output=True, text=True, timeout=60)
        assert "unknownMethod" in ended.stdout
    finally:
        assert server.stop()


@pytest.mark.parametrize("name", homes.pages(Home.BROWSER))
def test_a_page_of_the_web(name: str, tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    server.add_account()
    token = server.jmapctl("token", "add", "anna").stdout.split()[-1]
    browser = Chromium(tmp_path / "profile", Path(server.certificate))
    try:
        page = browser.page(f"{server.url}/")
        by = homes.substitutions(Home.BROWSER, port=server.url.rpartition(":")[2], token=token)
        for block in homes.of(name):
            text = block.text
            for what, other in by.items():
                text = text.replace(what, other)
            assert page.run(JAVASCRIPT.format(text=text)) == "open: jmap"
    finally:
        browser.stop()
        assert server.stop()
