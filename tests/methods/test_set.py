"""/set where records depend on each other (RFC 8620 section 5.3)."""

from __future__ import annotations

from typing import Any

from jmapd.protocol.capabilities import CORE, MAIL, SUBMISSION
from tests.caller import Caller

RAW = b"From: a@b\r\nSubject: s\r\n\r\nhello\r\n"


def boxes(jmap: Caller) -> dict[str, dict[str, Any]]:
    """The Mailboxes by their Ids."""
    return {one["id"]: one for one in jmap.call("Mailbox/get")["list"]}


def test_rfc8620_5_3_an_update_is_done_whole_or_not_at_all(jmap: Caller) -> None:
    archive = jmap.mailboxes["Archive"]
    before = boxes(jmap)[archive]
    said = jmap.call("Mailbox/set", update={archive: {"name": "other", "sortOrder": 77, "parentId": "m99999"}})
    assert said["notUpdated"][archive]["type"] == "invalidProperties"
    assert boxes(jmap)[archive] == before
    email = jmap.import_message(RAW)
    said = jmap.call("Email/set", update={email: {"keywords/$seen": True, f"mailboxIds/{archive}": 5}})
    assert said["notUpdated"][email]["type"] == "invalidProperties"
    (found,) = jmap.call("Email/get", ids=[email], properties=["keywords", "mailboxIds"])["list"]
    assert (found["keywords"], list(found["mailboxIds"])) == ({}, [jmap.mailboxes["Inbox"]])


def test_rfc8620_5_3_what_is_left_is_valid_whatever_was_asked_in_one_call(jmap: Caller) -> None:
    archive, junk = jmap.mailboxes["Archive"], jmap.mailboxes["Junk"]
    said = jmap.call("Mailbox/set", update={archive: {"parentId": junk}, junk: {"parentId": archive}})
    assert len(said["updated"]) == len(said["notUpdated"]) == 1
    said = jmap.call("Mailbox/set", create={key: {"name": "one name"} for key in "ab"})
    assert (len(said["created"]), said["notCreated"]["b"]["type"]) == (1, "alreadyExists")
    found = boxes(jmap)
    assert len({(one["parentId"], one["name"]) for one in found.values()}) == len(found)
    assert {found[archive]["parentId"], found[junk]["parentId"]} in ({None, junk}, {None, archive})


def test_rfc8620_5_3_a_creation_id_may_be_referred_to_in_the_same_call(jmap: Caller) -> None:
    junk = jmap.mailboxes["Junk"]
    said = jmap.call(
        "Mailbox/set",
        create={"new": {"name": "new"}, "gone": {"name": "gone"}},
        update={junk: {"parentId": "#new"}, "#new": {"sortOrder": 9}},
        destroy=["#gone"],
    )
    new, gone = (said["created"][key]["id"] for key in ("new", "gone"))
    assert (said["updated"].keys(), said["destroyed"]) == ({junk, new}, [gone])
    found = boxes(jmap)
    assert (found[junk]["parentId"], found[new]["sortOrder"], gone in found) == (new, 9, False)


def test_rfc8620_5_3_a_creation_id_means_what_was_made_last(jmap: Caller) -> None:
    account = {"accountId": jmap.account}
    said = jmap.request(
        ("Mailbox/set", {**account, "create": {"k": {"name": "first"}}}, "0"),
        ("Mailbox/set", {**account, "create": {"k": {"name": "second"}}}, "1"),
        ("Mailbox/set", {**account, "update": {"#k": {"name": "renamed"}}}, "2"),
        createdIds={},
    )
    second = said["methodResponses"][1][1]["created"]["k"]["id"]
    assert list(said["methodResponses"][2][1]["updated"]) == [second]
    assert said["createdIds"] == {"k": second}


def test_rfc8620_5_3_an_array_is_replaced_whole(jmap: Caller) -> None:
    using = [CORE, MAIL, SUBMISSION]
    account = {"accountId": jmap.account}
    ((_, said, _),) = jmap.request(("Identity/get", account, "0"), using=using)["methodResponses"]
    id = said["list"][0]["id"]
    whole = {"bcc": [{"name": None, "email": "a@b"}]}
    for patch, error in (
        (whole, None),
        ({"bcc/0": {"email": "c@d"}}, "invalidPatch"),
        ({"bcc/0/email": "c@d"}, "invalidPatch"),
    ):
        call = ("Identity/set", {**account, "update": {id: patch}}, "0")
        ((_, said, _),) = jmap.request(call, using=using)["methodResponses"]
        assert ((said["notUpdated"] or {}).get(id) or {}).get("type") == error
    ((_, said, _),) = jmap.request(("Identity/get", account, "0"), using=using)["methodResponses"]
    assert said["list"][0]["bcc"] == whole["bcc"]


def test_rfc8620_6_a_blob_outlives_the_call_that_lets_go_of_it(jmap: Caller) -> None:
    old = jmap.import_message(RAW)
    (shown,) = jmap.call("Email/get", ids=[old], properties=["blobId"])["list"]
    forwarded = {
        "mailboxIds": {jmap.mailboxes["Drafts"]: True},
        "attachments": [{"blobId": shown["blobId"], "type": "message/rfc822"}],
    }
    said = jmap.call("Email/set", create={"k": forwarded}, destroy=[old])
    assert (list(said["created"]), said["destroyed"]) == (["k"], [old])
    (new,) = jmap.call("Email/get", ids=[said["created"]["k"]["id"]], properties=["attachments"])["list"]
    assert jmap.download(new["attachments"][0]["blobId"]) == RAW
