"""What a page asks its reader to type or to write: the blocks of README.md and docs/, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import attrs
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]

CONFORMANCE = "docs/conformance.md"
"""It is made of what tests say, and asks for nothing."""

_DIRECTIVE = re.compile(r"\{(\w+)\}\s*(.*)")


@attrs.frozen
class Command:
    """A command as it is to be typed.

    :param prompt: ``#`` for root, ``$`` for anybody; empty where the page says nothing of it.
    :param text: in one line or more.
    :param output: what the page says that it prints.
    """

    prompt: str
    text: str
    output: tuple[str, ...] = ()


@attrs.frozen
class Block:
    """A block of a page.

    :param section: the heading that it stands under.
    :param language: what stands behind the fence; of an indented block ``sh``.
    :param name: the last name in the sentences before it, which a file's block is to be saved by.
    """

    page: str
    line: int
    section: str
    language: str
    text: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def included(self) -> Path | None:
        """The file that Sphinx puts there."""
        match = _DIRECTIVE.match(self.language)
        return (
            (ROOT / self.page).parent.joinpath(match[2]).resolve() if match and match[1] == "literalinclude" else None
        )

    @property
    def commands(self) -> tuple[Command, ...]:
        """What is typed, where it is a terminal's block; without a prompt in it, all is output."""
        if self.language == "console":
            return tuple(_typed(self.text))
        if self.language == "sh" and not self.text.startswith("#!"):
            return tuple(Command("", text) for text in _whole(self.text.splitlines()) if text.strip())
        return ()


@cache
def pages() -> tuple[str, ...]:
    """All of them."""
    docs = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
    return tuple(page for page in ("README.md", *docs) if page != CONFORMANCE)


@cache
def blocks() -> tuple[Block, ...]:
    """All blocks of all pages, as they stand there."""
    return tuple(block for page in pages() for block in _blocks(page))


def named(start: str) -> list[tuple[str, str]]:
    """What sentences have in code's type that starts so, with the page."""
    found = [(page, name) for page in pages() for token in _tokens(page) for name in _names(token)]
    return [(page, name) for page, name in found if name.startswith(start)]


@cache
def _tokens(page: str) -> tuple[Token, ...]:
    return tuple(MarkdownIt().parse((ROOT / page).read_text()))


def _blocks(page: str) -> Iterator[Block]:
    section, name, after = "", "", ""
    for token in _tokens(page):
        if token.type.endswith("_open"):
            after = token.type
        if token.type == "inline":
            if after == "heading_open":
                section, name = token.content, ""
            else:
                name = (_names(token) or [""])[-1]
        elif token.type in ("fence", "code_block"):
            language = "sh" if token.type == "code_block" else token.info.strip()
            if not language.startswith("{toctree}"):
                assert token.map
                yield Block(page, token.map[0] + 1, section, language, token.content, name)
            name = ""


def _names(token: Token) -> list[str]:
    return [child.content for child in token.children or () if child.type == "code_inline"]


def _typed(text: str) -> Iterator[Command]:
    lines = text.splitlines()
    prompts = [number for number, line in enumerate(lines) if line[:2] in ("# ", "$ ")]
    for number, end in pairwise([*prompts, len(lines)]):
        typed, *output = lines[number:end]
        yield Command(typed[0], typed[2:], tuple(output))


def _whole(lines: list[str]) -> Iterator[str]:
    """Commands with the lines that belong to them: quotes are closed, and nothing goes on by a backslash."""
    gathered = ""
    for line in lines:
        gathered += line
        try:
            shlex.split(gathered, comments=True)
            complete = not gathered.endswith("\\")
        except ValueError:
            complete = False
        if complete:
            yield gathered
        gathered = "" if complete else f"{gathered}\n"
    assert not gathered, f"this does not end: {gathered}"
