"""What the Session promises of a server and of each account (RFC 8620 section 2, RFC 8621 section 1.3)."""

from __future__ import annotations

import re

from jmapd.datatypes import assembly
from jmapd.protocol.capabilities import CORE, MAIL, SUBMISSION
from tests.caller import Caller

NUMBERS = {
    *("maxSizeUpload", "maxConcurrentUpload", "maxSizeRequest", "maxConcurrentRequests", "maxCallsInRequest"),
    *("maxObjectsInGet", "maxObjectsInSet"),
}


def test_rfc8620_2_the_core_capability_says_all_limits(jmap: Caller) -> None:
    core = jmap.session()["capabilities"][CORE]
    assert core.keys() == {*NUMBERS, "collationAlgorithms"}
    assert all(core[name] > 0 for name in NUMBERS)
    assert core["collationAlgorithms"]


def test_rfc8620_2_urls_have_their_variables(jmap: Caller) -> None:
    session = jmap.session()
    for name, variables in (
        ("apiUrl", set()),
        ("downloadUrl", {"accountId", "blobId", "type", "name"}),
        ("uploadUrl", {"accountId"}),
        ("eventSourceUrl", {"types", "closeafter", "ping"}),
    ):
        assert session[name].startswith("https://")
        assert set(re.findall(r"{(\w+)}", session[name])) == variables


def test_rfc8620_2_an_account_has_the_capabilities_whose_methods_it_can_be_asked(jmap: Caller) -> None:
    session = jmap.session()
    of_account = session["accounts"][jmap.account]["accountCapabilities"]
    assert of_account.keys() == session["capabilities"].keys()
    assert {method.capability for method in assembly.methods().values()} <= of_account.keys()
    # what it is told of it can call
    for method in assembly.methods().values():
        if method.name != "Core/echo":
            response = jmap.request((method.name, {"accountId": jmap.account, "x": 1}, "0"), using=sorted(of_account))
            assert response["methodResponses"][0][1]["type"] == "invalidArguments", method.name


def test_rfc8621_1_3_1_the_mail_capability_says_what_holds(jmap: Caller) -> None:
    mail = jmap.session()["accounts"][jmap.account]["accountCapabilities"][MAIL]
    assert mail.keys() == {
        *("maxMailboxesPerEmail", "maxMailboxDepth", "maxSizeMailboxName", "maxSizeAttachmentsPerEmail"),
        *("emailQuerySortOptions", "mayCreateTopLevelMailbox"),
    }
    assert mail["maxMailboxesPerEmail"] is None or mail["maxMailboxesPerEmail"] >= 1
    assert mail["maxSizeMailboxName"] >= 100
    longest = "é" * (mail["maxSizeMailboxName"] // 2)
    create = {"fits": {"name": longest}, "longer": {"name": longest + "éx"}}
    said = jmap.call("Mailbox/set", create=create)
    assert (list(said["created"]), list(said["notCreated"])) == (["fits"], ["longer"])
    for name in mail["emailQuerySortOptions"]:
        jmap.call("Email/query", sort=[{"property": name, "keyword": "$seen"}])


def test_rfc8621_1_3_2_the_submission_capability_says_what_holds(jmap: Caller) -> None:
    submission = jmap.session()["accounts"][jmap.account]["accountCapabilities"][SUBMISSION]
    assert submission == {"maxDelayedSend": 0, "submissionExtensions": {}}
