"""The Debian package: built, looked at by lintian, and lived with on a booted Debian.

It needs Debian 12 on amd64, its packages in `NEEDED`, and root, for a container is booted. It is no part of `make test`:
`tox run -e deb` runs it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.docs import homes

ROOT = Path(__file__).parents[2]
NEEDED = {
    "dh": "debhelper",
    "lintian": "lintian",
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "systemd-analyze": "systemd",
}
INSIDE = ("systemd", "systemd-sysv", "dbus", "python3", "ssl-cert", "procps", "curl", "ca-certificates", "openssl")
_SOURCES = (".list", ".sources")
UNIT = """\
[Unit]
After=multi-user.target
SuccessAction=exit
FailureAction=exit
FailureActionExitStatus=1
[Service]
Type=oneshot
ExecStart=/bin/bash /srv/in/boot.sh
StandardOutput=journal+console
StandardError=journal+console
"""


def run(*command: object, seconds: int = 600) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(
        words, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds
    )
    assert done.returncode == 0, f"{words}:\n{done.stdout[-6000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def package() -> Path:
    """The package, built by the command that the README names."""
    missing = sorted(name for command, name in NEEDED.items() if shutil.which(command) is None)
    assert not missing, f"this needs: apt install {' '.join(missing)}"
    run("make", "-C", ROOT, "deb")
    (made,) = (ROOT / "build").glob("jmapd_*.deb")
    return made


def test_lintian_finds_no_error(package: Path) -> None:
    said = run("lintian", "--fail-on", "error", package)
    assert not re.search("^E:", said, re.MULTILINE), said


def test_the_sandbox_is_tight() -> None:
    units = [ROOT / "etc" / "systemd" / name for name in ("jmapd.service", "jmapd.socket")]
    run("systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", units[0])


def test_its_whole_life_on_a_booted_debian(package: Path, tmp_path: Path) -> None:
    given, root = tmp_path / "in", tmp_path / "root"
    fill(given, package)
    made = debian(root)
    booted = None if made.returncode else boot(root, given)
    # what systemd says of its units is in colours
    said = "" if booted is None else "\n".join(line for line in booted.stdout.splitlines() if "\x1b" not in line)
    if booted is None or "boot test: " not in said:
        # as in a container that may not mount: the other tests are all that can be done there
        why = (booted or made).stdout[-2000:]
        warnings.warn(f"NO DEBIAN COULD BE BOOTED HERE, so the package was not installed:\n{why}", stacklevel=1)
        return
    assert booted.returncode == 0, said[-9000:]
    assert "boot test: passed" in [line for line in said.splitlines() if "boot test:" in line][-1], said[-9000:]


def fill(given: Path, package: Path) -> None:
    """What the booted Debian is given: the package and a later one, the pages and tests, and what pip is asked for."""
    for folder in ("build", "checkout"):
        (given / folder).mkdir(parents=True)
    shutil.copy(package, given / "build")
    unpacked = given / "second"
    run("dpkg-deb", "--raw-extract", package, unpacked)
    control = unpacked / "DEBIAN" / "control"
    control.write_text(re.sub("^Version: .*$", "Version: 0.1.0+second", control.read_text(), flags=re.MULTILINE))
    # for nobody to fetch
    run("dpkg-deb", "-Znone", "--build", unpacked, given / "second.deb")
    shutil.rmtree(unpacked)
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, given / "checkout")
    for name in ("docs", "tests"):
        shutil.copytree(ROOT / name, given / "checkout" / name)
    run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", given / "wheels", "websockets")
    shutil.copy(Path(__file__).with_name("boot.sh"), given)
    (given / "t.service").write_text(UNIT)


def debian(root: Path) -> Any:
    """Make a Debian with what the tutorial asks for; what came of it."""
    # what this machine's apt knows of where packages come from
    folder = Path("/etc/apt")
    sources = [path for path in (folder / "sources.list", *folder.glob("sources.list.d/*")) if path.suffix in _SOURCES]
    reaching = [path for path in sorted(folder.glob("apt.conf.d/*")) if "Acquire" in path.read_text()]
    options = [f"--aptopt={path}" for path in reaching if "docker" not in path.name]
    inside = ",".join((*INSIDE, *asked_for()))
    command = ("mmdebstrap", "--variant=apt", f"--include={inside}", *options, "bookworm", root)
    return attempt(*command, *(path for path in sources if path.exists()))


def asked_for() -> list[str]:
    """The packages that the tutorial begins with: where there is no network, they are there already."""
    first = homes.of("docs/tutorial/first-client.md")[0].commands[0].text
    assert first.startswith("apt install ")
    return first.split()[2:]


def boot(root: Path, given: Path) -> Any:
    """Boot it, and have boot.sh run inside."""
    return attempt(
        *("systemd-nspawn", "--quiet", "-D", root, "--volatile=overlay", "--register=no", "--keep-unit"),
        *("--private-network", f"--bind-ro={given}:/srv/in", f"--bind-ro={sysconfig.get_path('purelib')}:/srv/site"),
        *(f"--bind-ro={given}/t.service:/etc/systemd/system/t.service", "-b", "systemd.wants=t.service"),
    )


def attempt(*command: object) -> Any:
    """What came of something that not every machine can do."""
    words = [str(word) for word in command]
    return subprocess.run(
        words, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400
    )
