"""Identity and VacationResponse (RFC 8621 sections 6 and 8)."""

from __future__ import annotations

from typing import Any

import pytest

from jmapd.protocol.capabilities import CORE, SUBMISSION, VACATION_RESPONSE
from tests.caller import Caller


class Calling:
    """Calls methods of the two types."""

    def __init__(self, jmap: Caller) -> None:
        self.jmap = jmap

    def __call__(self, name: str, **arguments: Any) -> dict[str, Any]:
        whole = {"accountId": self.jmap.account, **arguments}
        said = self.jmap.request((name, whole, "0"), using=[CORE, SUBMISSION, VACATION_RESPONSE])
        answer: dict[str, Any] = said["methodResponses"][0][1]
        return answer


@pytest.fixture
def call(jmap: Caller) -> Calling:
    return Calling(jmap)


def test_rfc8621_6_each_account_has_an_identity_with_all_its_properties(call: Calling) -> None:
    (identity,) = call("Identity/get")["list"]
    assert identity == {
        "id": identity["id"],
        "name": "",
        "email": call.jmap.address,
        "replyTo": None,
        "bcc": None,
        "textSignature": "",
        "htmlSignature": "",
        "mayDelete": False,
    }
    destroyed = call("Identity/set", destroy=[identity["id"]])
    assert destroyed["notDestroyed"][identity["id"]]["type"] == "forbidden"


def test_rfc8621_6_3_an_identity_is_made_changed_and_destroyed(call: Calling) -> None:
    state = call("Identity/get")["state"]
    made = call("Identity/set", create={"k": {"email": call.jmap.address, "name": "Anna"}})["created"]["k"]
    assert made["mayDelete"] is True
    assert "name" not in made
    id = made["id"]
    assert call("Identity/changes", sinceState=state)["created"] == [id]
    changed = {"replyTo": [{"name": None, "email": "a@b"}], "textSignature": "--", "name": None}
    assert call("Identity/set", update={id: changed})["updated"] == {id: None}
    (identity,) = call("Identity/get", ids=[id])["list"]
    assert {name: identity[name] for name in changed} == {**changed, "name": ""}
    state = call("Identity/get")["state"]
    # what changes nothing is no change
    assert call("Identity/set", update={id: {"textSignature": "--", "email": call.jmap.address}})["newState"] == state
    assert call("Identity/set", destroy=[id])["destroyed"] == [id]
    assert call("Identity/get", ids=[id])["notFound"] == [id]


@pytest.mark.parametrize("email", ["ben@localhost", "*@localhost", ""])
def test_rfc8621_6_3_another_address_is_forbidden(call: Calling, email: str) -> None:
    refused = call("Identity/set", create={"k": {"email": email}})["notCreated"]["k"]
    assert refused["type"] == "forbiddenFrom"


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"email": "x@localhost"}, ["email"]),
        ({"mayDelete": True}, ["mayDelete"]),
        ({"name": 1, "bcc": [{}]}, ["bcc", "name"]),
        ({"replyTo": [{"email": "a@b", "more": 1}]}, ["replyTo"]),
        ({"other": "x"}, ["other"]),
    ],
)
def test_rfc8621_6_3_wrong_properties_are_named(call: Calling, changes: dict[str, Any], wrong: list[str]) -> None:
    (identity,) = call("Identity/get")["list"]
    refused = call("Identity/set", update={identity["id"]: changes})["notUpdated"][identity["id"]]
    assert (refused["type"], refused["properties"]) == ("invalidProperties", wrong)


def test_rfc8621_8_there_is_one_vacation_response(call: Calling) -> None:
    first = call("VacationResponse/get")
    assert first["list"] == [
        {
            "id": "singleton",
            "isEnabled": False,
            "fromDate": None,
            "toDate": None,
            "subject": None,
            "textBody": None,
            "htmlBody": None,
        }
    ]
    changes = {"isEnabled": True, "fromDate": "2026-01-01T00:00:00Z", "textBody": "away"}
    said = call("VacationResponse/set", update={"singleton": changes})
    assert said["updated"] == {"singleton": None}
    assert said["newState"] != said["oldState"]
    (now,) = call("VacationResponse/get", ids=["singleton"])["list"]
    assert {name: now[name] for name in changes} == changes
    again = call("VacationResponse/set", update={"singleton": changes})
    assert again["newState"] == again["oldState"] == said["newState"]
    assert call("VacationResponse/get", ids=["other"])["notFound"] == ["other"]


def test_rfc8621_8_it_can_neither_be_made_nor_destroyed(call: Calling) -> None:
    said = call("VacationResponse/set", create={"k": {}}, destroy=["singleton"])
    assert said["notCreated"]["k"]["type"] == "singleton"
    assert said["notDestroyed"]["singleton"]["type"] == "singleton"


@pytest.mark.parametrize("changes", [{"isEnabled": 1}, {"fromDate": "yesterday"}, {"subject": []}, {"other": 1}])
def test_rfc8621_8_wrong_properties_are_named(call: Calling, changes: dict[str, Any]) -> None:
    refused = call("VacationResponse/set", update={"singleton": changes})["notUpdated"]["singleton"]
    assert (refused["type"], refused["properties"]) == ("invalidProperties", list(changes))


def test_rfc8621_8_there_is_no_vacation_response_changes(call: Calling) -> None:
    assert call("VacationResponse/changes", sinceState="x")["type"] == "unknownMethod"
