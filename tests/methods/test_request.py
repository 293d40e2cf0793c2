"""RFC 8620 section 3: Requests, Responses and their errors."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jmapd.datatypes import assembly
from jmapd.protocol.capabilities import CORE, MAIL, WEBSOCKET
from tests.caller import USING, Call, Caller
from tests.engine import Engine


def problem(inside: Engine, text: bytes, binding: str = "http") -> dict[str, Any]:
    answer = inside.send(text, binding)
    assert answer.arguments["status"] == 400
    said: dict[str, Any] = orjson.loads(answer.body)
    return said


def urn(name: str) -> str:
    return f"urn:ietf:params:jmap:error:{name}"


@pytest.mark.parametrize("text", [b"", b"{", b'{"using":[],"using":[]}', b'"\xff"', b"[" * 5000])
def test_rfc8620_3_6_1_not_json(inside: Engine, text: bytes) -> None:
    assert problem(inside, text)["type"] == urn("notJSON")


@pytest.mark.parametrize(
    "message",
    [
        [],
        "x",
        {},
        {"using": [CORE]},
        {"using": "x", "methodCalls": []},
        {"using": [1], "methodCalls": []},
        {"using": [CORE], "methodCalls": {}},
        {"using": [CORE], "methodCalls": [["Core/echo", {}]]},
        {"using": [CORE], "methodCalls": [["Core/echo", [], "0"]]},
        {"using": [CORE], "methodCalls": [["Core/echo", {}, 0]]},
        {"using": [CORE], "methodCalls": [], "createdIds": []},
        {"using": [CORE], "methodCalls": [], "createdIds": {"a": "b c"}},
    ],
)
def test_rfc8620_3_6_1_not_request(inside: Engine, message: Any) -> None:
    assert problem(inside, orjson.dumps(message))["type"] == urn("notRequest")


def test_rfc8620_3_6_1_unknown_capability(inside: Engine) -> None:
    message = {"using": [CORE, "https://example.com/other"], "methodCalls": []}
    assert problem(inside, orjson.dumps(message))["type"] == urn("unknownCapability")


def test_rfc8620_3_6_1_limit_names_max_calls_in_request(inside: Engine) -> None:
    calls: list[Call] = [("Core/echo", {}, str(n)) for n in range(17)]
    said = problem(inside, orjson.dumps({"using": USING, "methodCalls": calls}))
    assert (said["type"], said["limit"]) == (urn("limit"), "maxCallsInRequest")
    assert len(inside.request(*calls[:16])["methodResponses"]) == 16


def test_rfc8620_3_4_responses_come_in_order_with_their_call_ids(jmap: Caller) -> None:
    response = jmap.request(("Core/echo", {"a": 1}, "x"), ("No/such", {}, "y"), ("Core/echo", {}, "x"))
    assert response["methodResponses"] == [
        ["Core/echo", {"a": 1}, "x"],
        ["error", {"type": "unknownMethod", "description": "There is no method 'No/such'."}, "y"],
        ["Core/echo", {}, "x"],
    ]
    assert "createdIds" not in response


def test_rfc8620_3_4_session_state_is_that_of_the_session(inside: Engine) -> None:
    session = orjson.loads(inside.perform("session", user=1, name="anna", url="https://localhost").body)
    assert inside.request()["sessionState"] == session["state"]


@pytest.mark.parametrize("using", [[], [MAIL], [WEBSOCKET]])
def test_rfc8620_3_3_a_method_whose_capability_is_not_in_using_is_unknown(jmap: Caller, using: list[str]) -> None:
    ((name, said, _),) = jmap.request(("Core/echo", {}, "0"), using=using)["methodResponses"]
    assert (name, said["type"]) == ("error", "unknownMethod")
    assert said["description"] == f'Core/echo needs {CORE} in "using".'


@pytest.mark.parametrize("value", [None, [], {"unknown": None}, 2**53 - 1, -(2**53) + 1, 0.5, "é\u0000\U0001f370"])
def test_rfc8620_4_echo_gives_back_what_it_was_given(jmap: Caller, value: Any) -> None:
    ((_, said, _),) = jmap.request(("Core/echo", {"value": value}, "0"))["methodResponses"]
    assert said == {"value": value}


def test_rfc8620_3_3_created_ids_go_in_and_come_out(jmap: Caller) -> None:
    inbox = jmap.mailboxes["Inbox"]
    response = jmap.request(
        ("Mailbox/set", {"accountId": jmap.account, "create": {"new": {"name": "a", "parentId": "#given"}}}, "0"),
        createdIds={"given": inbox},
    )
    made = response["methodResponses"][0][1]["created"]["new"]["id"]
    assert response["createdIds"] == {"given": inbox, "new": made}


def test_rfc8620_3_6_2_a_failed_call_does_not_stop_the_others_and_changes_nothing(jmap: Caller) -> None:
    before = jmap.call("Mailbox/get")["state"]
    response = jmap.request(
        ("Mailbox/set", {"accountId": jmap.account, "ifInState": "other", "create": {"a": {"name": "a"}}}, "0"),
        ("Mailbox/get", {"accountId": jmap.account}, "1"),
    )
    assert response["methodResponses"][0][1]["type"] == "stateMismatch"
    assert response["methodResponses"][1][1]["state"] == before


@pytest.mark.parametrize(
    ("arguments", "type"),
    [
        ({}, "invalidArguments"),
        ({"accountId": 5}, "invalidArguments"),
        ({"accountId": "nobody"}, "accountNotFound"),
        ({"accountId": "a1", "ids": "x"}, "invalidArguments"),
        ({"accountId": "a1", "properties": ["nothing"]}, "invalidArguments"),
        ({"accountId": "a1", "unknown": 1}, "invalidArguments"),
        ({"accountId": "a1", "ids": ["m1"] * 2 + [f"m{n:x}" for n in range(1, 501)]}, None),
        ({"accountId": "a1", "ids": [f"m{n:x}" for n in range(1, 502)]}, "requestTooLarge"),
    ],
)
def test_rfc8620_5_1_arguments_of_get(jmap: Caller, arguments: dict[str, Any], type: str | None) -> None:
    if arguments.get("accountId") == "a1":
        arguments = {**arguments, "accountId": jmap.account}
    ((name, said, _),) = jmap.request(("Mailbox/get", arguments, "0"))["methodResponses"]
    assert said.get("type") == type
    assert (name == "error") == (type is not None)


def test_rfc8620_3_3_other_properties_of_a_request_are_ignored(jmap: Caller) -> None:
    response = jmap.request(("Core/echo", {}, "0"), other={"a": 1}, using2=None)
    assert response["methodResponses"] == [["Core/echo", {}, "0"]]


def test_rfc8620_3_3_calls_are_made_one_after_the_other(jmap: Caller) -> None:
    account, inbox = {"accountId": jmap.account}, jmap.mailboxes["Inbox"]
    calls: list[Call] = []
    for order in range(4):
        calls.append(("Mailbox/set", {**account, "update": {inbox: {"sortOrder": 10 + order}}}, "s"))
        calls.append(("Mailbox/get", {**account, "ids": [inbox], "properties": ["sortOrder"]}, "g"))
    said = [one[1] for one in jmap.request(*calls)["methodResponses"]]
    assert [one["list"][0]["sortOrder"] for one in said[1::2]] == [10, 11, 12, 13]
    assert [one["newState"] for one in said[::2]] == [one["state"] for one in said[1::2]]


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("Mailbox/get", {"ids": None, "properties": None}),
        ("Email/get", {"ids": None, "properties": None, "bodyProperties": None, "fetchTextBodyValues": False}),
        ("Email/get", {"fetchHTMLBodyValues": False, "fetchAllBodyValues": False, "maxBodyValueBytes": 0}),
        ("Mailbox/query", {"filter": None, "sort": None, "sortAsTree": False, "filterAsTree": False}),
        ("Email/query", {"filter": None, "sort": None, "position": 0, "anchor": None, "anchorOffset": 0}),
        ("Email/query", {"limit": None, "calculateTotal": False, "collapseThreads": False}),
        ("Email/query", {"sort": [{"property": "receivedAt", "isAscending": True}]}),
    ],
)
def test_rfc8620_3_5_an_argument_that_is_left_out_has_its_default(
    jmap: Caller, name: str, defaults: dict[str, Any]
) -> None:
    for number in range(3):
        jmap.import_message(b"Subject: %d\r\n\r\nx" % number, receivedAt=f"2025-01-0{number + 1}T00:00:00Z")
    left_out = {"sort": [{"property": "receivedAt"}]} if defaults.get("sort") else {}
    assert jmap.call(name, **defaults) == jmap.call(name, **left_out)


def test_rfc8620_3_9_what_an_argument_may_not_be_is_invalid_arguments(jmap: Caller) -> None:
    account = {"accountId": jmap.account}
    using = sorted(assembly.CAPABILITIES)
    for name in assembly.methods().keys() - {"Core/echo"}:
        calls: list[dict[str, Any]] = [{**account, "made-up": 1}, {"accountId": 5}, {"accountId": None}]
        # PushSubscriptions are of no account
        calls += [] if name.startswith("PushSubscription/") else [{}]
        for wrong in calls:
            ((given, said, _),) = jmap.request((name, wrong, "0"), using=using)["methodResponses"]
            assert (given, said["type"]) == ("error", "invalidArguments"), (name, wrong)


def test_another_users_account_is_not_found(jmap: Caller) -> None:
    other = jmap.add_user(f"another-{jmap.account}@localhost")
    assert jmap.error("Mailbox/get", accountId=other) == {
        "type": "accountNotFound",
        "description": f"There is no account '{other}' that you can see; the Session lists yours.",
    }


@pytest.mark.parametrize(
    ("text", "type", "request_id"),
    [
        (b'{"@type":"Request","id":"r1","using":[],"methodCalls":{}}', "notRequest", "r1"),
        (b'{"@type":"Request","id":5,"using":[],"methodCalls":[]}', "notRequest", None),
        (b'{"@type":"Request","id":"r1","id":"r1","using":[],"methodCalls":[]}', "notJSON", "r1"),
        (b'{"@type":"Other","id":"r1"}', "notRequest", "r1"),
        (b'{"id":"r1","using":[],"methodCalls":[]}', "notRequest", "r1"),
        (b"The quick brown fox", "notJSON", None),
        (b'{"@type":"Request","id":"r1","using":["x"],"methodCalls":[]}', "unknownCapability", "r1"),
    ],
)
def test_rfc8887_4_3_4_request_errors_have_type_and_request_id(
    inside: Engine, text: bytes, type: str, request_id: str | None
) -> None:
    said = problem(inside, text, "websocket")
    assert (said["@type"], said["type"], said["requestId"]) == ("RequestError", urn(type), request_id)


def test_rfc8887_4_3_3_a_response_has_its_type_and_request_id(inside: Engine) -> None:
    said = orjson.loads(inside.send(b'{"@type":"Request","id":"r1","using":[],"methodCalls":[]}', "websocket").body)
    assert (said["@type"], said["requestId"], said["methodResponses"]) == ("Response", "r1", [])
    said = orjson.loads(inside.send(b'{"@type":"Request","using":[],"methodCalls":[]}', "websocket").body)
    assert "requestId" not in said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["ids", "accountId", "filter", "sort", "create", "update", "#ids", "operator", "conditions"]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)
METHODS = st.sampled_from(
    [
        *("Mailbox/get", "Mailbox/set", "Mailbox/query", "Mailbox/changes", "Thread/get", "Thread/changes"),
        *("Email/get", "Email/set", "Email/query", "Email/changes", "Email/import", "Core/echo"),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(name=METHODS, arguments=st.dictionaries(st.text(max_size=6), JSON, max_size=4), more=JSON)
def test_no_arguments_make_the_server_fail(inside: Engine, name: str, arguments: dict[str, Any], more: Any) -> None:
    if isinstance(more, dict):
        arguments = {**more, **arguments}
    arguments["accountId"] = inside.account
    text = (
        orjson.dumps(
            {"using": USING, "methodCalls": [[name, arguments, "0"]]}, option=orjson.OPT_NON_STR_KEYS, default=str
        )
        if _fits(arguments)
        else b"{}"
    )
    answer = inside.send(text)
    assert answer.arguments["status"] in (200, 400)
    assert b"serverFail" not in answer.body, answer.body


def _fits(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        return False
    return True
