"""What a data type says that /query filters and sorts by is what it takes."""

from __future__ import annotations

import pytest

from jmapd.datatypes import assembly
from jmapd.methods.datatype import DataType
from tests.engine import Engine


@pytest.mark.parametrize("type", [type for type in assembly.TYPES if type.query], ids=lambda type: str(type.name))
def test_what_a_type_says_that_it_filters_and_sorts_by_is_taken(jmap: Engine, type: DataType) -> None:
    def refused(**arguments: object) -> bool:
        call = (f"{type.name}/query", {"accountId": jmap.account, **arguments}, "0")
        ((_, said, _),) = jmap.request(call, using=sorted(assembly.CAPABILITIES))["methodResponses"]
        return said.get("type") in ("unsupportedFilter", "unsupportedSort")

    assert type.conditions
    # a value of another type is wrong, but the condition is known
    assert not any(refused(filter={condition: {}}) for condition in type.conditions)
    assert refused(filter={"made-up": {}})
    assert type.sort_properties
    for property in type.sort_properties:
        assert not refused(sort=[{"property": property, "keyword": "$seen"}]), property
    assert refused(sort=[{"property": "made-up"}])
