"""RFC 8621 section 4, and section 3 with it: Emails and Threads."""

from typing import Any

import pytest

from jmapd.store.emails import is_spilled
from tests.caller import Caller
from tests.engine import Engine


def message(number: int = 1, subject: str = "Hello", **fields: str) -> bytes:
    lines = {
        "From": "Anna <anna@example.org>",
        "To": "ben@example.org",
        "Subject": subject,
        "Date": "Mon, 6 Jan 2025 07:00:00 +0000",
        "Message-ID": f"<{number}@example.org>",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode() + b"Content-Type: text/plain; charset=utf-8\r\n\r\nThe body of it.\r\n"


def draft(jmap: Caller, **properties: Any) -> dict[str, Any]:
    return {
        "mailboxIds": {jmap.mailboxes["Drafts"]: True},
        "keywords": {"$draft": True},
        "from": [{"name": "Anna", "email": "anna@example.org"}],
        "subject": "Draft",
        "bodyStructure": {"type": "text/plain", "partId": "1"},
        "bodyValues": {"1": {"value": "draft body\nsecond line"}},
        **properties,
    }


def get(jmap: Caller, id: str, **arguments: Any) -> dict[str, Any]:
    (email,) = jmap.call("Email/get", ids=[id], **arguments)["list"]
    found: dict[str, Any] = email
    return found


def test_rfc8621_4_2_default_properties(jmap: Caller) -> None:
    email = get(jmap, jmap.import_message(message(), receivedAt="2025-01-06T07:00:05Z"))
    assert set(email) == {
        *("id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "messageId", "inReplyTo"),
        *("references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt", "hasAttachment"),
        *("preview", "bodyValues", "textBody", "htmlBody", "attachments"),
    }
    assert email["from"] == [{"name": "Anna", "email": "anna@example.org"}]
    assert email["messageId"] == ["1@example.org"]
    assert email["receivedAt"] == "2025-01-06T07:00:05Z"
    assert email["sentAt"] == "2025-01-06T07:00:00Z"
    assert email["size"] == len(message())
    assert email["bodyValues"] == {}
    assert email["cc"] is None
    assert email["preview"] == "The body of it."


def test_rfc8621_4_2_only_the_properties_asked_for(jmap: Caller) -> None:
    email = get(
        jmap,
        jmap.import_message(message()),
        properties=["subject", "header:X-None", "header:To:asAddresses", "header:From:all", "headers"],
    )
    assert set(email) == {"id", "subject", "header:X-None", "header:To:asAddresses", "header:From:all", "headers"}
    assert email["header:X-None"] is None
    assert email["header:To:asAddresses"] == [{"name": None, "email": "ben@example.org"}]
    assert email["header:From:all"] == [" Anna <anna@example.org>"]
    assert email["headers"][0] == {"name": "From", "value": " Anna <anna@example.org>"}


@pytest.mark.parametrize(
    "name", ["header:Subject:asDate", "header:From:asText:some", "header:", "header:a b", "nothing"]
)
def test_rfc8621_4_1_2_a_form_that_the_field_may_not_have_is_invalid_arguments(jmap: Caller, name: str) -> None:
    assert jmap.error("Email/get", ids=[], properties=[name])["type"] == "invalidArguments"


def test_rfc8621_4_2_body_values_and_parts(jmap: Caller) -> None:
    id = jmap.import_message(message())
    email = get(
        jmap, id, fetchTextBodyValues=True, maxBodyValueBytes=8, bodyProperties=["partId", "type", "header:Subject"]
    )
    (part,) = email["textBody"]
    assert set(part) == {"partId", "type", "header:Subject"}
    assert part["header:Subject"] == " Hello"
    assert email["bodyValues"] == {
        part["partId"]: {"value": "The body", "isEncodingProblem": False, "isTruncated": True}
    }
    whole = get(jmap, id, properties=["bodyStructure", "bodyValues"], fetchAllBodyValues=True)
    assert whole["bodyStructure"]["type"] == "text/plain"
    assert whole["bodyValues"][part["partId"]]["value"] == "The body of it.\n"


def test_rfc8621_4_6_create_update_destroy(jmap: Caller) -> None:
    made = jmap.call("Email/set", create={"k": draft(jmap)})["created"]["k"]
    assert set(made) == {"id", "blobId", "threadId", "size"}
    email = get(jmap, made["id"], fetchTextBodyValues=True)
    assert email["subject"] == "Draft"
    assert email["keywords"] == {"$draft": True}
    (value,) = email["bodyValues"].values()
    assert value["value"].rstrip("\n") == "draft body\nsecond line"
    said = jmap.call(
        "Email/set",
        update={
            made["id"]: {
                "keywords/$draft": None,
                "keywords/$Flagged": True,
                f"mailboxIds/{jmap.mailboxes['Drafts']}": None,
                f"mailboxIds/{jmap.mailboxes['Sent']}": True,
            }
        },
    )
    assert said["updated"] == {made["id"]: {"keywords": {"$flagged": True}}}
    email = get(jmap, made["id"], properties=["keywords", "mailboxIds"])
    assert email["keywords"] == {"$flagged": True}
    assert email["mailboxIds"] == {jmap.mailboxes["Sent"]: True}
    assert jmap.call("Email/set", destroy=[made["id"]])["destroyed"] == [made["id"]]
    assert jmap.call("Email/get", ids=[made["id"]])["notFound"] == [made["id"]]
    assert jmap.call("Thread/get", ids=[made["threadId"]])["notFound"] == [made["threadId"]]


@pytest.mark.parametrize(
    "properties",
    [
        {"mailboxIds": {}},
        {"mailboxIds": None},
        {"mailboxIds": {"m999": True}},
        {"mailboxIds": {"m1": False}},
        {"keywords": {"a b": True}},
        {"keywords": {"x": 1}},
        {"keywords": {"": True}},
        {"receivedAt": "yesterday"},
        {"size": 5},
        {"id": "e1"},
    ],
)
def test_rfc8621_4_6_invalid_properties(jmap: Caller, properties: dict[str, Any]) -> None:
    said = jmap.call("Email/set", create={"k": draft(jmap, **properties)})
    refused = said["notCreated"]["k"]
    assert refused["type"] == "invalidProperties"
    assert refused["properties"] == list(properties)


def test_rfc8621_4_6_an_email_is_in_one_mailbox_at_least(jmap: Caller) -> None:
    id = jmap.import_message(message())
    said = jmap.call("Email/set", update={id: {f"mailboxIds/{jmap.mailboxes['Inbox']}": None}})
    assert said["notUpdated"][id]["properties"] == ["mailboxIds"]


def test_rfc8620_5_3_immutable_properties_may_only_be_repeated(jmap: Caller) -> None:
    id = jmap.import_message(message())
    assert jmap.call("Email/set", update={id: {"subject": "Hello"}})["updated"] == {id: None}
    said = jmap.call("Email/set", update={id: {"subject": "other"}})
    assert said["notUpdated"][id]["properties"] == ["subject"]
    assert jmap.call("Email/set", update={id: {"keywords/a/b": True}})["notUpdated"][id]["type"] == "invalidPatch"


def test_rfc8620_5_3_not_found_and_will_destroy(jmap: Caller) -> None:
    id = jmap.import_message(message())
    said = jmap.call("Email/set", update={id: {"keywords/a": True}, "e1": {}}, destroy=[id, "x"])
    assert said["notUpdated"] == {id: {"type": "willDestroy"}, "e1": {"type": "notFound"}}
    assert said["notDestroyed"] == {"x": {"type": "notFound"}}
    assert said["destroyed"] == [id]


def test_rfc8620_5_3_if_in_state(jmap: Caller) -> None:
    id = jmap.import_message(message())
    state = jmap.call("Email/get", ids=[])["state"]
    assert jmap.call("Email/set", ifInState=state, update={id: {"keywords/a": True}})["updated"]
    assert jmap.error("Email/set", ifInState=state, update={id: {"keywords/a": None}})["type"] == "stateMismatch"


def test_rfc8620_5_3_creation_ids_name_new_emails_in_later_calls(jmap: Caller) -> None:
    response = jmap.request(
        ("Mailbox/set", {"accountId": jmap.account, "create": {"box": {"name": "box"}}}, "0"),
        ("Email/set", {"accountId": jmap.account, "create": {"k": draft(jmap, mailboxIds={"#box": True})}}, "1"),
        ("Email/set", {"accountId": jmap.account, "update": {"#k": {"keywords/$seen": True}}}, "2"),
    )
    made = response["methodResponses"][1][1]["created"]["k"]["id"]
    assert response["methodResponses"][2][1]["updated"] == {made: None}
    box = response["methodResponses"][0][1]["created"]["box"]["id"]
    assert get(jmap, made, properties=["mailboxIds"])["mailboxIds"] == {box: True}


def test_rfc8621_4_8_import(jmap: Caller) -> None:
    blob = jmap.upload(message(), "message/rfc822")
    other = jmap.upload(message(2), "application/octet-stream")
    inbox = {jmap.mailboxes["Inbox"]: True}
    said = jmap.call(
        "Email/import",
        emails={
            "a": {"blobId": blob, "mailboxIds": inbox, "keywords": {"$Seen": True}},
            "b": {"blobId": other, "mailboxIds": inbox, "receivedAt": "2020-01-01T00:00:00Z"},
            "c": {"blobId": "Bnothing", "mailboxIds": inbox},
            "d": {"blobId": blob, "mailboxIds": {}},
        },
    )
    assert set(said["created"]["a"]) == {"id", "blobId", "threadId", "size"}
    assert said["created"]["a"]["blobId"] == blob
    assert said["notCreated"]["c"]["properties"] == ["blobId"]
    assert said["notCreated"]["d"]["properties"] == ["mailboxIds"]
    assert get(jmap, said["created"]["a"]["id"])["keywords"] == {"$seen": True}
    assert get(jmap, said["created"]["b"]["id"])["receivedAt"] == "2020-01-01T00:00:00Z"
    assert said["newState"] == jmap.call("Email/get", ids=[])["state"]


def test_rfc8621_4_8_another_users_upload_cannot_be_imported(inside: Engine) -> None:
    inside.add_user("ben@localhost")
    blob = inside.upload(message(), "message/rfc822")
    inside.user, inside.account = 2, "a2"
    inbox = next(one["id"] for one in inside.call("Mailbox/get")["list"] if one["role"] == "inbox")
    said = inside.call("Email/import", emails={"k": {"blobId": blob, "mailboxIds": {inbox: True}}})
    assert said["notCreated"]["k"]["properties"] == ["blobId"]


def test_rfc8621_3_replies_are_of_one_thread(jmap: Caller) -> None:
    first = jmap.import_message(message(1), receivedAt="2025-01-01T00:00:00Z")
    reply = jmap.import_message(
        message(2, "Re: Hello", In_Reply_To="<1@example.org>"), receivedAt="2025-01-02T00:00:00Z"
    )
    other = jmap.import_message(message(3, "Another thing", References="<1@example.org>"))
    threads = {one["id"]: one["threadId"] for one in jmap.call("Email/get", ids=None)["list"]}
    assert threads[first] == threads[reply] != threads[other]
    (thread,) = jmap.call("Thread/get", ids=[threads[first]])["list"]
    assert thread["emailIds"] == [first, reply]


def test_rfc8621_3_emails_of_one_moment_keep_their_order(jmap: Caller) -> None:
    dates = ["2025-01-02T00:00:00Z", *["2025-01-01T00:00:00Z"] * 4]
    ids = [
        jmap.import_message(message(n, "Re: Hello", References="<0@example.org>"), receivedAt=date)
        for n, date in enumerate(dates)
    ]
    thread = get(jmap, ids[0], properties=["threadId"])["threadId"]
    (first,) = jmap.call("Thread/get", ids=[thread])["list"]
    assert set(first["emailIds"]) == set(ids)
    assert first["emailIds"][-1] == ids[0]
    jmap.call("Email/set", update={ids[3]: {"keywords/$seen": True}})
    assert jmap.call("Thread/get", ids=[thread])["list"] == [first]


def test_rfc8621_4_8_the_same_message_twice_is_two_emails(jmap: Caller) -> None:
    one, other = (jmap.import_message(message()) for _ in range(2))
    jmap.call("Email/set", update={one: {"keywords/$seen": True, f"mailboxIds/{jmap.mailboxes['Archive']}": True}})
    first, second = (get(jmap, id, properties=["blobId", "keywords", "mailboxIds"]) for id in (one, other))
    assert first["blobId"] == second["blobId"]
    assert (second["keywords"], second["mailboxIds"]) == ({}, {jmap.mailboxes["Inbox"]: True})
    jmap.call("Email/set", destroy=[one])
    assert get(jmap, other, properties=["keywords"])


@pytest.mark.parametrize(
    ("properties", "wrong"),
    [
        ({"blobId": None}, "blobId"),
        ({"blobId": 5}, "blobId"),
        ({"blobId": "Bnothing"}, "blobId"),
        ({"mailboxIds": {}}, "mailboxIds"),
        ({"mailboxIds": None}, "mailboxIds"),
        ({"mailboxIds": ["m1"]}, "mailboxIds"),
        ({"mailboxIds": {"m99999": True}}, "mailboxIds"),
        ({"keywords": {"a b": True}}, "keywords"),
        ({"keywords": ["$seen"]}, "keywords"),
    ],
)
def test_rfc8621_4_8_wrong_properties_are_named(jmap: Caller, properties: dict[str, Any], wrong: str) -> None:
    email = {"blobId": jmap.upload(message()), "mailboxIds": {jmap.mailboxes["Inbox"]: True}, **properties}
    without = {name: value for name, value in email.items() if value is not None}
    for given in (email, without):
        refused = jmap.call("Email/import", emails={"k": given})["notCreated"]["k"]
        assert (refused["type"], refused["properties"]) == ("invalidProperties", [wrong])


def test_rfc8620_5_2_changes_and_its_intermediate_states(jmap: Caller) -> None:
    since = jmap.call("Email/get", ids=[])["state"]
    ids = [jmap.import_message(message(n, f"s{n}")) for n in range(5)]
    jmap.call("Email/set", destroy=[ids[1]])
    jmap.call("Email/set", update={ids[0]: {"keywords/a": True}})
    known: set[str] = set()
    while True:
        said = jmap.call("Email/changes", sinceState=since, maxChanges=2)
        assert len(said["created"] + said["updated"] + said["destroyed"]) <= 2
        assert set(said["updated"]) <= known
        known = (known | set(said["created"])) - set(said["destroyed"])
        since = said["newState"]
        if not said["hasMoreChanges"]:
            break
    assert known == {ids[0], *ids[2:]}
    assert since == jmap.call("Email/get", ids=[])["state"]


@pytest.mark.parametrize("state", ["nonsense", "ffffffff-1", ""])
def test_rfc8620_5_2_an_unknown_state_is_cannot_calculate_changes(jmap: Caller, state: str) -> None:
    assert jmap.error("Email/changes", sinceState=state)["type"] == "cannotCalculateChanges"


def import_at(inside: Engine, number: int, at: int) -> None:
    """Bring a message in, as jmapctl does."""
    about = {"name": "anna", "mailbox": ["Inbox"], "role": "inbox"}
    made = inside.perform("import_read", message(number, f"s{number}"), **about)
    stored = inside.perform("import_store", made.body, **about, keywords=[], received_at=at, message=made.arguments)
    assert stored.arguments["outcome"] == "imported"


@pytest.mark.parametrize("in_the_way", [False, True])
def test_more_emails_of_one_second_than_it_has_numbers_keep_their_order(inside: Engine, in_the_way: bool) -> None:
    """A second has 2,048 numbers; what comes after spills, and where it finds others the exact date decides."""
    at = 1_700_000_000_000
    times = [at] * 2060
    times.insert(0 if in_the_way else len(times), at + 1000)
    for number, moment in enumerate(times):
        import_at(inside, number, moment)
    found = inside.call("Email/query", filter={"inMailbox": inside.mailboxes["Inbox"]}, calculateTotal=True)
    assert get(inside, found["ids"][0])["receivedAt"] == "2023-11-14T22:13:21Z"
    assert {get(inside, id)["receivedAt"] for id in found["ids"][1:40]} == {"2023-11-14T22:13:20Z"}
    assert len(set(found["ids"])) == found["total"] == 2061
    assert is_spilled(inside.store.database, 1) is in_the_way


def test_fractions_of_a_second_are_kept_in_order(jmap: Caller) -> None:
    dates = [f"2024-01-01T00:00:00{fraction}Z" for fraction in (".5", "", ".25", ".75")]
    for number, date in enumerate(dates):
        jmap.import_message(message(number, f"s{number}"), receivedAt=date)
    found = jmap.call("Email/query", sort=[{"property": "receivedAt"}])["ids"]
    assert [get(jmap, id)["receivedAt"] for id in found] == [dates[1], dates[2], dates[0], dates[3]]


@pytest.mark.parametrize("date", ["1900-01-01T00:00:00Z", "2200-01-01T00:00:00Z"])
def test_dates_that_do_not_fit_a_number_are_kept_exactly(jmap: Caller, date: str) -> None:
    middle = jmap.import_message(message(1, "a"), receivedAt="2025-01-01T00:00:00Z")
    odd = jmap.import_message(message(2, "b"), receivedAt=date)
    assert get(jmap, odd)["receivedAt"] == date
    oldest_first = jmap.call("Email/query", sort=[{"property": "receivedAt"}])["ids"]
    assert oldest_first == sorted([middle, odd], key=lambda id: str(get(jmap, id)["receivedAt"]))


def test_rfc8620_3_7_the_threads_of_the_emails_found(jmap: Caller) -> None:
    """The example of RFC 8620 section 3.7, as mail clients ask it."""
    for number in range(3):
        jmap.import_message(message(number, f"s{number}"))
    account = {"accountId": jmap.account}
    response = jmap.request(
        ("Email/query", account, "q"),
        (
            "Email/get",
            {
                **account,
                "#ids": {"resultOf": "q", "name": "Email/query", "path": "/ids"},
                "properties": ["threadId"],
            },
            "e",
        ),
        ("Thread/get", {**account, "#ids": {"resultOf": "e", "name": "Email/get", "path": "/list/*/threadId"}}, "t"),
    )
    emails, threads = (said["list"] for _, said, _ in response["methodResponses"][1:])
    assert [one["threadId"] for one in emails] == [one["id"] for one in threads]
