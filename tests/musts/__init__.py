"""What RFC 8620 and RFC 8621 demand, section by section, and the tests that hold it.

A file for each RFC lists all its sentences with MUST, MUST NOT, REQUIRED or SHALL in words of our own. Each says one of:

``tests``
    the tests that hold it, by their names.
``moot``
    why it can never come to it here.
``lacks``
    what of it is not there, and why.
``binds``
    whom it binds, who is not the server.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

FILES = {8620: Path(__file__).parent / "rfc8620.toml", 8621: Path(__file__).parent / "rfc8621.toml"}

Section = tuple[int, ...]


@attrs.frozen
class Must:
    """A demand.

    :param says: what must be.
    :param words: how many of the words in capitals it stands for.
    """

    section: Section
    says: str
    words: int = 1
    tests: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    moot: str = ""
    lacks: str = ""
    binds: str = ""


@attrs.frozen
class Method:
    """A method, with the tests of what it does."""

    section: Section
    name: str
    tests: tuple[str, ...] = attrs.field(converter=tuple)


@attrs.frozen
class Demands:
    """All that an RFC demands.

    :param words: how often it has one of the words in capitals.
    :param counts: the same of each of its sections.
    :param titles: those of the sections that there is anything to say of, in their order.
    """

    words: int
    counts: dict[Section, int]
    titles: dict[Section, str]
    musts: list[Must]
    methods: list[Method]

    @property
    def tests(self) -> set[str]:
        """The tests that are named."""
        return {test for section in self.titles for test in self.tests_of(section)}

    def tests_of(self, section: Section) -> Iterator[str]:
        """The tests that are named in a section."""
        yield from (test for one in self.methods if one.section == section for test in one.tests)
        yield from (test for one in self.musts if one.section == section for test in one.tests)


def section_of(text: str) -> Section:
    """The numbers of a section."""
    return tuple(int(number) for number in text.split("."))


def read(rfc: int) -> Demands:
    """What an RFC demands, in the order of its sections."""
    whole = tomllib.loads(FILES[rfc].read_text())
    sections = {section_of(name): one for name, one in whole["sections"].items()}
    counts = {section: one["words"] for section, one in sections.items()}
    methods = [Method(section_of(one.pop("section")), name, **one) for name, one in whole["methods"].items()]
    methods.sort(key=lambda one: one.section)
    titles = {section_of(number): title for number, title in whole["titles"].items()}
    return Demands(whole["words"], counts, titles, list(_musts(sections)), methods)


def _musts(sections: dict[Section, Any]) -> Iterator[Must]:
    for section in sorted(sections):
        for one in sections[section]["musts"]:
            yield Must(section, **one)
