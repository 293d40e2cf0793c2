"""The wheel: built, installed into a clean environment, started, and asked over TLS."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import tarfile
import urllib.request
import venv
import zipfile
from base64 import b64encode
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_SOURCES = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "var", "dropin.cache")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree; of a copy, since building leaves things behind."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "jmapd", ignore=NOT_SOURCES, symlinks=True)
    venv.create(folder / "build", with_pip=True)
    run(folder / "build" / "bin" / "pip", "wheel", "--no-deps", "--wheel-dir", folder, folder / "jmapd")
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel and what it depends on, and nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder / "venv", with_pip=True)
    run(folder / "venv" / "bin" / "pip", "install", wheel)
    return folder / "venv" / "bin"


def run(*command: object, cwd: Path | None = None, says: str | None = None) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, input=says, text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "twisted/plugins/jmapd_plugin.py" in names
    assert "jmapd/py.typed" in names
    assert [name for name in names if name.endswith("jmapd.toml")] == ["jmapd/etc/jmapd.toml"]
    assert not [name for name in names if name in ("twisted/__init__.py", "twisted/plugins/__init__.py")]
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"jmapd", "twisted"}
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "jmapd").rglob("*.py")}
    assert {name for name in names if name.startswith("jmapd/") and name.endswith(".py")} == sources


def test_the_sdist_has_what_the_wheel_has_not(wheel: Path, tmp_path: Path) -> None:
    python, script = wheel.parent / "build" / "bin" / "python", "import setuptools; setuptools.setup()"
    run(python, "-m", "pip", "install", "setuptools")
    run(python, "-c", script, "-q", "sdist", "--dist-dir", tmp_path, cwd=wheel.parent / "jmapd")
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names.issuperset(
        {"etc/jmapd.toml", "LICENSE", "README.md", "CHANGELOG.md", "bench/README.md", "tests/test_layers.py", "tox.ini"}
    )


def test_listing_plugins_does_not_import_the_tap(environment: Path, tmp_path: Path) -> None:
    assert re.search(r"^ *jmapd +A JMAP mail server", run(environment / "twistd", "--help", cwd=tmp_path), re.M)
    script = (
        "import sys; from twisted.plugin import getPlugins; from twisted.application.service import IServiceMaker; "
        "print([one.tapname for one in getPlugins(IServiceMaker)], 'jmapd.tap' in sys.modules)"
    )
    said = run(environment / "python", "-c", script, cwd=tmp_path)
    assert "'jmapd'" in said
    assert said.endswith("False\n")


def test_it_serves(environment: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "jmapd.toml").write_text(
        f'[server]\ndata-dir = "{data}"\n[server.listener.https]\nendpoint = "tcp:0:interface=127.0.0.1"\n'
    )
    config = ["--config", "jmapd.toml"]
    run(environment / "jmapctl", *config, "account", "add", "anna", "--password-stdin", cwd=tmp_path, says="secret\n")
    command = [str(environment / "twistd"), "--nodaemon", "--pidfile=", "jmapd", *config]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout
        ready = next(match for line in server.stdout if (match := re.search(r"is ready: (\S+)", line)))
        request = urllib.request.Request(f"{ready[1]}/.well-known/jmap")
        request.add_header("Authorization", f"Basic {b64encode(b'anna:secret').decode()}")
        trust = ssl.create_default_context(cafile=str(data / "tls" / "certificate.pem"))
        with urllib.request.urlopen(request, context=trust, timeout=30) as response:
            assert json.load(response)["username"] == "anna@localhost"
        server.send_signal(signal.SIGTERM)
        assert "Server Shut Down" in server.stdout.read()
    assert server.returncode in (0, -signal.SIGTERM)


def test_the_example_configuration_is_the_one_of_the_sources(environment: Path, tmp_path: Path) -> None:
    said = run(environment / "jmapctl", "example-config", cwd=tmp_path)
    assert said == (ROOT / "etc" / "jmapd.toml").read_text()
    (tmp_path / "jmapd.toml").write_text(said)
    assert "is valid" in run(environment / "jmapctl", "--config", "jmapd.toml", "check-config", cwd=tmp_path)


def test_the_units_start_the_twistd_of_the_environment(environment: Path, tmp_path: Path) -> None:
    assert "# jmapd.socket" in run(environment / "jmapctl", "units", cwd=tmp_path)
    run(environment / "jmapctl", "--config", "a b.toml", "units", "--write", tmp_path, cwd=tmp_path)
    for name in ("jmapd.service", "jmapd.socket"):
        source = (ROOT / "etc" / "systemd" / name).read_text()
        theirs = source.replace("/usr/lib/jmapd/bin/twistd", str(environment / "twistd"))
        assert (tmp_path / name).read_text() == theirs.replace("/etc/jmapd/jmapd.toml", f'"{tmp_path}/a b.toml"')
    assert (environment / "twistd").exists()


def test_a_wrong_configuration_starts_nothing(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "jmapd.toml").write_text(f'[server]\ndata-dir = "{tmp_path}/data"\nport = 1\n[workers]\ncount = 1\n')
    command = [str(environment / "twistd"), "--nodaemon", "--pidfile=", "jmapd", "--config", "jmapd.toml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == os.EX_CONFIG
    assert [line.partition(" = ")[0] for line in done.stderr.splitlines()] == [
        "jmapd.toml: server.port",
        "jmapd.toml: workers.count",
    ]
    assert not (tmp_path / "data").exists()
