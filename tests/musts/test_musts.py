"""The lists of what the RFCs demand are whole, and what they name is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from jmapd.datatypes import assembly
from jmapd.protocol.capabilities import CORE, MAIL, SUBMISSION, VACATION_RESPONSE
from tests import offered
from tests.musts import FILES, read
from tests.outcome import Name

TESTS = Path(__file__).parents[1]
CAPABILITIES = {CORE, MAIL, SUBMISSION, VACATION_RESPONSE}
"""Those whose methods the two RFCs define."""


@cache
def names() -> set[str]:
    """All functions there are in the files of tests."""
    trees = (ast.parse(path.read_text()) for path in TESTS.rglob("test_*.py"))
    functions = (one for tree in trees for one in ast.walk(tree))
    return {one.name for one in functions if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("rfc", FILES)
def test_every_test_that_is_named_is_there_and_named_by_its_rfc(rfc: int) -> None:
    named = read(rfc).tests
    assert sorted(named - names()) == []
    assert [name for name in named if Name.of(name) is None] == []


@pytest.mark.parametrize("rfc", FILES)
def test_every_must_has_tests_or_says_why_not(rfc: int) -> None:
    for one in read(rfc).musts:
        assert [bool(said) for said in (one.tests, one.moot, one.lacks, one.binds)].count(True) == 1, one
        assert one.says


@pytest.mark.parametrize("rfc", FILES)
def test_no_must_is_left_out(rfc: int) -> None:
    demands = read(rfc)
    counted = dict.fromkeys(demands.counts, 0)
    for one in demands.musts:
        counted[one.section] += one.words
    assert counted == demands.counts
    assert sum(counted.values()) == demands.words


@pytest.mark.parametrize("rfc", FILES)
def test_every_section_has_its_title(rfc: int) -> None:
    demands = read(rfc)
    named = {found.section for name in names() if (found := Name.of(name)) and found.rfc == rfc}
    assert demands.titles.keys() == demands.counts.keys() | named | {one.section for one in demands.methods}
    assert list(demands.titles) == sorted(demands.titles)


def test_every_capability_says_what_is_limited() -> None:
    assert offered.LIMITED.keys() == assembly.CAPABILITIES
    assert all(offered.LIMITED.values())


def test_every_method_is_offered() -> None:
    shown = "\n".join(offered.tables())
    for name in assembly.methods():
        type, _, verb = name.partition("/")
        assert re.search(rf"\b{type}(/\w+, )*/{verb}\b", shown), name


def test_every_method_has_tests() -> None:
    listed = [one.name for rfc in FILES for one in read(rfc).methods]
    assert sorted(listed) == sorted(
        method.name for method in assembly.methods().values() if method.capability in CAPABILITIES
    )
    assert all(one.tests for rfc in FILES for one in read(rfc).methods)
