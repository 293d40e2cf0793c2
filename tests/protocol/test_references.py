"""RFC 8620 section 3.7: result references."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmapd.protocol import references
from jmapd.protocol.errors import MethodError

RESPONSES: list[references.Response] = [
    ("Foo/changes", {"created": ["f1", "f4"], "a/b": {"~x": 7}}, "t0"),
    (
        "Foo/get",
        {"list": [{"id": "1", "threadId": "a", "ids": ["x", "y"]}, {"id": "2", "threadId": "b", "ids": []}]},
        "t1",
    ),
    ("error", {"type": "unknownMethod"}, "t2"),
]


def reference(result_of: str, name: str, path: str) -> dict[str, Any]:
    return {"#ids": {"resultOf": result_of, "name": name, "path": path}}


@pytest.mark.parametrize(
    ("result_of", "name", "path", "found"),
    [
        ("t0", "Foo/changes", "/created", ["f1", "f4"]),
        ("t0", "Foo/changes", "/created/1", "f4"),
        ("t0", "Foo/changes", "/a~1b/~0x", 7),
        ("t1", "Foo/get", "/list/*/threadId", ["a", "b"]),
        ("t1", "Foo/get", "/list/*/ids", ["x", "y"]),
        ("t1", "Foo/get", "/list/*/ids/*", ["x", "y"]),
        ("t1", "Foo/get", "", RESPONSES[1][1]),
    ],
)
def test_rfc8620_3_7_a_reference_is_replaced_by_what_it_points_to(
    result_of: str, name: str, path: str, found: object
) -> None:
    assert references.resolve(reference(result_of, name, path), RESPONSES) == {"ids": found}


@pytest.mark.parametrize(
    ("result_of", "name", "path"),
    [
        ("t9", "Foo/changes", "/created"),
        ("t0", "Foo/get", "/created"),
        ("t2", "Foo/get", "/list"),
        ("t0", "Foo/changes", "/nothing"),
        ("t0", "Foo/changes", "/created/2"),
        ("t0", "Foo/changes", "/created/01"),
        ("t0", "Foo/changes", "/created/-"),
        ("t0", "Foo/changes", "/created/99999999999999999999"),
        ("t0", "Foo/changes", "created"),
        ("t1", "Foo/get", "/list/*/nothing"),
    ],
)
def test_rfc8620_3_7_what_cannot_be_resolved_is_invalid_result_reference(result_of: str, name: str, path: str) -> None:
    with pytest.raises(MethodError) as raised:
        references.resolve(reference(result_of, name, path), RESPONSES)
    assert raised.value.type == "invalidResultReference"


def test_rfc8620_3_7_an_argument_given_twice_is_invalid_arguments() -> None:
    with pytest.raises(MethodError) as raised:
        references.resolve({"ids": [], **reference("t0", "Foo/changes", "/created")}, RESPONSES)
    assert raised.value.type == "invalidArguments"


@given(st.text(), st.text(), st.text(), st.none() | st.text() | st.dictionaries(st.text(), st.text()))
def test_rfc8620_3_7_any_reference_is_resolved_or_refused(result_of: str, name: str, path: str, other: object) -> None:
    for given_reference in ({"resultOf": result_of, "name": name, "path": path}, other):
        refused = None
        try:
            references.resolve({"#a": given_reference}, RESPONSES)
        except MethodError as error:
            refused = error.type
        assert refused in (None, "invalidResultReference")


VALUES = st.recursive(
    st.integers(), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
)


@given(VALUES, st.data())
def test_rfc6901_every_place_of_a_value_can_be_pointed_to(value: Any, data: st.DataObject) -> None:
    path, target = "", value
    while isinstance(target, dict | list) and target and data.draw(st.booleans()):
        if isinstance(target, dict):
            name = data.draw(st.sampled_from(sorted(target)))
            target = target[name]
            path += "/" + name.replace("~", "~0").replace("/", "~1")
        else:
            index = data.draw(st.integers(0, len(target) - 1))
            target = target[index]
            path += f"/{index}"
    assert references.point(value, path) == target
