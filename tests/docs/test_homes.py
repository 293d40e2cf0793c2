"""No block of README.md and docs/ is forgotten, and what no test runs is right at least: files that are included,
configurations, and commands that stand in sentences.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from jmapd.config import load
from jmapd.ctl.command import main
from jmapd.web.certificates import self_signed
from tests.docs import homes
from tests.docs.homes import Home
from tests.docs.overlay import overlaid
from tests.docs.pages import ROOT, Block, blocks, named

SUBSTITUTED = [(where, what) for where, table in homes.SUBSTITUTIONS.items() for what in table]


def test_every_block_has_a_home() -> None:
    assert [str(block) for block in blocks() if block.included is None and homes.home(block) is None] == []


@pytest.mark.parametrize("name", homes.HOMES)
def test_every_home_has_blocks(name: str) -> None:
    assert homes.of(name)


@pytest.mark.parametrize(("where", "what"), SUBSTITUTED)
def test_nothing_is_substituted_that_no_page_says(where: Home, what: str) -> None:
    assert [block for name in homes.pages(where) for block in homes.of(name) if what in block.text]


@pytest.mark.parametrize("text", homes.NOT_RUN)
def test_nothing_is_left_out_that_no_page_says(text: str) -> None:
    assert [block for block in blocks() if text in [command.text for command in block.commands]]


@pytest.mark.parametrize("block", [one for one in blocks() if one.included], ids=str)
def test_an_included_file_is_there_and_has_its_test(block: Block) -> None:
    assert block.included
    assert block.included.is_file()
    test = homes.tried_by(block.included)
    assert test
    assert block.included.name in Path(__file__).with_name(test).read_text()


@pytest.mark.parametrize("block", [one for one in blocks() if one.language == "toml"], ids=str)
def test_a_configuration_is_valid(block: Block, tmp_path: Path) -> None:
    shipped = (ROOT / "debian" / "jmapd.toml").read_text()
    text = overlaid(shipped, block.text)
    assert text != shipped
    for kept in self_signed(tmp_path, "mail.example.org", datetime.now(UTC)):
        text = text.replace(f"/etc/jmapd/tls/{kept.name}", str(kept))
    (tmp_path / "jmapd.toml").write_text(text)
    load(tmp_path / "jmapd.toml", {})


def test_the_listener_that_is_there_without_one_is_as_the_page_has_it(tmp_path: Path) -> None:
    (block,) = [one for one in homes.of("docs/reference/settings.md") if one.language == "toml"]
    (tmp_path / "jmapd.toml").write_text(block.text)
    assert load(tmp_path / "jmapd.toml", {}) == load(None, {})


@pytest.mark.parametrize(("page", "said"), named("jmapctl "))
def test_a_command_in_a_sentence_is_one(page: str, said: str) -> None:
    command: click.Command = main
    options = {option for one in main.params for option in one.opts}
    for word in re.findall(r"[^\s\[\]]+", said)[1:]:
        if word.startswith("-"):
            assert word in options
        elif isinstance(command, click.Group) and word.islower():
            command = command.commands[word]
            options.update(option for one in command.params for option in one.opts)
    assert command is not main or "--config" in said
