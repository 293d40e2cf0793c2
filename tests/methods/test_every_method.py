"""Every method there is, called over each transport, so that none is there in this process alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jmapd.datatypes import assembly
from jmapd.protocol.capabilities import CORE
from tests.caller import Caller

RAW = (
    b"From: ben@localhost\r\nTo: anna@localhost\r\nSubject: plans\r\nDisposition-Notification-To: ben@example.com\r\n\r\n"
    b"walrus\r\n"
)
DISPOSITION = {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed"}

OF_NO_ACCOUNT = ("Core/echo", "PushSubscription/get", "PushSubscription/set")


def calls(jmap: Caller) -> Iterator[tuple[str, dict[str, Any]]]:
    """A call of each method, as a client would make it, in an order in which each has what it needs."""
    inbox = {jmap.mailboxes["Inbox"]: True}
    yield "Core/echo", {"hello": True}
    for type in ("Mailbox", "Email", "EmailSubmission", "Quota"):
        yield f"{type}/query", {}
    for type in ("Mailbox", "Thread", "Email", "Identity", "EmailSubmission", "VacationResponse", "Quota"):
        yield f"{type}/get", {"ids": None}
    yield "Mailbox/set", {"create": {"box": {"name": "new"}}}
    yield "Blob/upload", {"create": {"blob": {"data": [{"data:asText": RAW.decode()}]}}}
    yield "Blob/get", {"ids": ["#blob"], "properties": ["data", "digest:sha-256", "size"]}
    yield "Email/import", {"emails": {"email": {"blobId": "#blob", "mailboxIds": inbox}}}
    yield "Blob/lookup", {"typeNames": ["Mailbox", "Thread", "Email"], "ids": ["#blob"]}
    yield "Email/parse", {"blobIds": ["#blob"]}
    yield "MDN/parse", {"blobIds": ["#blob"]}
    yield "SearchSnippet/get", {"emailIds": ["#email"], "filter": {"text": "walrus"}}
    yield "VacationResponse/set", {"update": {"singleton": {"isEnabled": True}}}
    # a server never connects to itself, unless it is told to
    subscription = {"deviceClientId": "device", "url": "https://127.0.0.1:1/"}
    yield "PushSubscription/set", {"create": {"subscription": subscription}}
    yield "PushSubscription/get", {"ids": ["#subscription"]}
    yield "Identity/set", {"create": {"identity": {"email": jmap.address, "name": "Me"}}}
    draft = {
        "mailboxIds": inbox,
        "from": [{"email": jmap.address}],
        "to": [{"email": jmap.address}],
        "textBody": [{"partId": "1", "type": "text/plain"}],
        "bodyValues": {"1": {"value": "to myself"}},
    }
    yield "Email/set", {"create": {"draft": draft}}
    yield (
        "EmailSubmission/set",
        {"create": {"sent": {"identityId": "#identity", "emailId": "#draft"}}, "onSuccessDestroyEmail": ["#sent"]},
    )
    yield (
        "MDN/send",
        {
            "identityId": "#identity",
            "send": {"mdn": {"forEmailId": "#email", "disposition": DISPOSITION}},
            "onSuccessUpdateEmail": {"#mdn": {"keywords/$mdnsent": True}},
        },
    )


def later_calls(jmap: Caller, states: dict[str, str], other: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those that need a state, or another account."""
    for type in ("Mailbox", "Thread", "Email", "Identity", "EmailSubmission", "Quota"):
        yield f"{type}/changes", {"sinceState": states[type]}
    for type in ("Mailbox", "Email", "EmailSubmission"):
        yield f"{type}/queryChanges", {"sinceQueryState": states[type]}
    blob = jmap.upload(RAW)
    yield "Blob/copy", {"fromAccountId": jmap.account, "accountId": other, "blobIds": [blob]}
    yield "Email/copy", {"fromAccountId": jmap.account, "accountId": other, "create": {}}


def run(jmap: Caller, name: str, arguments: dict[str, Any], created: dict[str, str]) -> dict[str, Any]:
    """Make a call; what it answers, which is no error."""
    using = [CORE, *sorted(assembly.CAPABILITIES - {CORE})]
    whole = arguments if name in OF_NO_ACCOUNT else {"accountId": jmap.account, **arguments}
    response = jmap.request((name, whole, "0"), using=using, createdIds=created)
    created.update(response["createdIds"])
    responses = response["methodResponses"]
    assert {one[2] for one in responses} == {"0"}
    for given, said, _ in responses:
        assert given != "error", (name, said)
        refused = [
            key for key in said if key.startswith("not") and key not in ("notFound", "notParsable") and said[key]
        ]
        assert not refused, (name, said)
    assert responses[0][0] == name
    answer: dict[str, Any] = responses[0][1]
    return answer


def test_rfc8620_5_every_method_answers(jmap: Caller) -> None:
    created: dict[str, str] = {}
    states: dict[str, str] = {}
    done = {"Quota/queryChanges"}
    for name, arguments in calls(jmap):
        said = run(jmap, name, arguments, created)
        if name.endswith("/get") and "state" in said:
            states.setdefault(name.partition("/")[0], said["state"])
        done.add(name)
    assert {"box", "blob", "email", "identity", "sent"} <= created.keys()
    other = jmap.share_another()
    for name, arguments in later_calls(jmap, states, other):
        run(jmap, name, arguments, created)
        done.add(name)
    # Quotas depend on what a client has opted in to, so no changes of a query can be told
    response = jmap.request(
        ("Quota/queryChanges", {"accountId": jmap.account, "sinceQueryState": states["Quota"]}, "0"),
        using=sorted(assembly.CAPABILITIES),
    )
    assert response["methodResponses"][0][1]["type"] == "cannotCalculateChanges"
    assert done == set(assembly.methods())
