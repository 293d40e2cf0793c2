"""Who does what a page says: types its commands, saves its files, and looks whether what comes is what the page says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pexpect

from tests.docs.pages import Block, Command

PASSWORD = "correct horse"
"""Of everybody who is asked for one."""

SECONDS = 120

ANSWERS = {r"(?:Password for [^\r\n]+|Repeat for confirmation): $": PASSWORD, r" \[y/N\]: $": "y"}
"""What is answered to what a command asks."""

SERVES = "make run"

WATCHES = " watch "
"""It comes back by itself where a server was restarted."""

STAYS = {
    SERVES: "jmapd is ready",
    "twistd ": "jmapd is ready",
    WATCHES: "Waiting for pushes",
    "curl --no-buffer": "HTTP/2 200",
    ".venv/bin/python client.py": '"@type":"Response"',
    "journalctl --unit jmapd --follow": "jmapd is ready",
}
"""Commands that go on until they are interrupted, and what they say when they are at work."""

STOPPED = "while it does not"
"""Said behind a command that is for a server that does not run."""

EDITED = "systemctl edit"
"""Opens an editor; the block that follows is what is written there."""

PROGRESS = re.compile(r"\s*\d+%\|")
"""A bar of tqdm's, which pages do not show."""


def pattern(output: Iterable[str]) -> str:
    """What a page says that comes; … is anything, on a line of its own any lines."""
    return "".join("(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + "\n" for line in output)


class Terminal:
    """One command, in a terminal of its own.

    :param folder: where it is typed.
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.said = ""
        self._child = pexpect.spawn(
            command[0],
            list(command[1:]),
            cwd=str(folder),
            env=dict(environment),
            encoding="utf-8",
            timeout=SECONDS,
            dimensions=(50, 500),
        )

    def hears(self, wanted: str) -> None:
        """Wait until it has said something; a terminal's lines end in two characters."""
        assert self._until(wanted.replace("\n", "\r\n")), f"it ended without {wanted!r}:\n{self.said}"

    def ends(self) -> int | None:
        """Wait for its end, and tell its status."""
        self._until(None)
        # it may have closed its terminal a moment before
        self._child.wait()
        self._child.close()
        status: int | None = self._child.exitstatus
        return status

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._child.sendintr()
        self.ends()

    def _until(self, wanted: str | None) -> bool:
        """Answer what it asks until it says something, or has ended."""
        choices: list[Any] = [*map(re.compile, ANSWERS), pexpect.EOF, *([re.compile(wanted)] if wanted else ())]
        while True:
            try:
                found = self._child.expect(choices)
            except pexpect.TIMEOUT:
                raise AssertionError(f"waited for {wanted}:\n{self.said}{self._child.before}") from None
            self.said += _text(self._child.before)
            if found >= len(ANSWERS):
                self.said += _text(self._child.after)
                return choices[found] is not pexpect.EOF
            self._child.sendline([*ANSWERS.values()][found])


def _text(said: object) -> str:
    return said.replace("\r", "") if isinstance(said, str) else ""


@attrs.define
class Reader:
    """One that reads pages from the top to the bottom.

    :param folder: where they are read.
    :param environment: of the commands.
    :param by: other texts in place of some, in whatever is typed or written.
    :param configure: has a block of TOML take effect, given also the path that the page names for it.
    :param becomes: what comes before a command of each prompt.
    :param skips: commands that are not typed.
    """

    folder: Path
    environment: Mapping[str, str]
    by: Mapping[str, str]
    configure: Callable[[str, str], None]
    becomes: Mapping[str, Sequence[str]] = {"": (), "#": (), "$": ()}
    skips: frozenset[str] = frozenset()
    staying: dict[str, Terminal] = attrs.field(factory=dict, init=False)

    def follow(self, blocks: Iterable[Block]) -> None:
        """Do what these say."""
        read = iter(blocks)
        for block in read:
            if EDITED in block.text:
                (self.folder / "edited").write_text(self._replaced(next(read).text))
            try:
                self._do(block)
            except AssertionError as error:
                raise AssertionError(f"{block}: {error}") from None

    def run(self, text: str) -> str:
        """Type something more than the pages say, and hear what it says."""
        return self._run(Command("", text))

    def close(self) -> None:
        """Interrupt all that goes on."""
        while self.staying:
            self.staying.popitem()[1].interrupt()

    def _do(self, block: Block) -> None:
        if block.commands:
            for command in block.commands:
                self._type(command)
        elif block.language == "console":
            # more of what goes on in another terminal
            next(reversed(self.staying.values())).hears(pattern(block.text.splitlines()).rstrip("\n"))
        elif block.language == "toml":
            self.configure(self._replaced(block.text), block.name)
        else:
            assert block.language in ("python", "sh"), f"nothing is done with {block.language}"
            assert block.name, "nothing says what file this is"
            path = self.folder / block.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._replaced(block.text))
            path.chmod(0o755 if block.text.startswith("#!") else 0o644)

    def _type(self, command: Command) -> None:
        if command.text in self.skips:
            return
        if STOPPED not in command.text:
            self._run(command)
            return
        self.staying.pop(SERVES).interrupt()
        self._run(command)
        self.run(SERVES)
        for text, terminal in self.staying.items():
            if WATCHES in text:
                terminal.hears(STAYS[WATCHES])

    def _run(self, command: Command) -> str:
        text = self._replaced(command.text)
        terminal = Terminal([*self.becomes[command.prompt], "/bin/bash", "-c", text], self.folder, self.environment)
        wanted = pattern(self._replaced(line) for line in command.output)
        stays = next((said for start, said in STAYS.items() if start in command.text), None)
        if stays is not None:
            terminal.hears(wanted or stays)
            self.staying[command.text] = terminal
            return terminal.said
        status = terminal.ends()
        said = "".join(f"{line}\n" for line in terminal.said.splitlines() if line.strip() and not PROGRESS.match(line))
        assert status == 0, f"{text}\n{said}\nended with {status}"
        assert not wanted or re.fullmatch(wanted, said), f"{text}\nsaid\n{said}"
        return said

    def _replaced(self, text: str) -> str:
        for what, other in self.by.items():
            text = text.replace(what, other)
        return text
