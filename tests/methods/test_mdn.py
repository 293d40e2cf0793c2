"""MDN/send and MDN/parse (RFC 9007)."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from jmapd.protocol.capabilities import CORE, MAIL, MDN, SUBMISSION
from tests.caller import Caller
from tests.engine import Engine

USING = [CORE, MAIL, MDN, SUBMISSION]
DISPOSITION = {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed"}
ASKING = (
    "From: ben@localhost\r\nTo: anna@localhost\r\nSubject: plans\r\nMessage-ID: <1@x>\r\n"
    "Disposition-Notification-To: Ben <{}>\r\n\r\nsee you\r\n"
)


@attrs.define
class Anna:
    """Anna, who has read Ben's message."""

    jmap: Caller
    ben: Caller
    identity: str = ""

    def call(self, name: str, *, using: list[str] = USING, **arguments: Any) -> list[Any]:
        whole = {"accountId": self.jmap.account, **arguments}
        found: list[Any] = self.jmap.request((name, whole, "0"), using=using)["methodResponses"]
        return found

    def email(self, to: str = "") -> str:
        return self.jmap.import_message(ASKING.format(to or self.ben.address).encode())

    def received(self) -> dict[str, Any]:
        """The one Email that Ben has."""
        (email,) = self.ben.call("Email/get", ids=None)["list"]
        found: dict[str, Any] = email
        return found

    def parsed(self, blob: str) -> dict[str, Any]:
        """What Ben reads out of an MDN."""
        whole = {"accountId": self.ben.account, "blobIds": [blob]}
        ((_, said, _),) = self.ben.request(("MDN/parse", whole, "0"), using=USING)["methodResponses"]
        found: dict[str, Any] = said["parsed"][blob]
        return found

    def send(self, email: str, **properties: Any) -> list[Any]:
        mdn = {"forEmailId": email, "disposition": DISPOSITION, **properties}
        update = {"#k": {"keywords/$mdnsent": True}}
        return self.call("MDN/send", identityId=self.identity, send={"k": mdn}, onSuccessUpdateEmail=update)

    def refused(self, email: str, **properties: Any) -> str:
        ((_, said, _),) = self.send(email, **properties)
        return str(said["notSent"]["k"]["type"])


def anna_of(jmap: Caller) -> Anna:
    made = Anna(jmap, jmap.another("ben"))
    made.identity = made.call("Identity/get")[0][1]["list"][0]["id"]
    return made


@pytest.fixture
def anna(jmap: Caller) -> Anna:
    return anna_of(jmap)


@pytest.mark.parametrize("original", [False, True])
def test_rfc9007_2_1_an_mdn_is_sent_and_read_again(anna: Anna, original: bool) -> None:
    email = anna.email()
    asked = {
        "subject": "Läst",
        "textBody": "It was displayed.\n",
        "reportingUA": "here; Foomail 1",
        "includeOriginalMessage": original,
        "extensionFields": {"X-Colour": "blue"},
    }
    (_, sent, _), (name, updated, call_id) = anna.send(email, **asked)
    told = sent["sent"]["k"]
    assert told == {
        "finalRecipient": f"rfc822; {anna.jmap.address}",
        "originalRecipient": None,
        "originalMessageId": "<1@x>",
    }
    assert (name, call_id, list(updated["updated"])) == ("Email/set", "0", [email])
    (marked,) = anna.jmap.call("Email/get", ids=[email])["list"]
    assert marked["keywords"] == {"$mdnsent": True}
    # Ben has it
    received = anna.received()
    assert received["from"] == [{"name": None, "email": anna.jmap.address}]
    assert anna.parsed(received["blobId"]) == {
        "forEmailId": None,
        "disposition": DISPOSITION,
        "mdnGateway": None,
        "error": None,
        **asked,
        **told,
    }
    headers = anna.ben.call("Email/get", ids=[received["id"]], properties=["header:Auto-Submitted", "inReplyTo"])
    assert headers["list"][0]["inReplyTo"] == ["1@x"]
    assert headers["list"][0]["header:Auto-Submitted"] == " auto-replied"


def test_rfc9007_2_1_it_is_sent_once(anna: Anna) -> None:
    email = anna.email()
    anna.send(email)
    assert anna.refused(email) == "mdnAlreadySent"


def test_rfc9007_2_1_what_does_not_mark_the_email_is_refused(anna: Anna) -> None:
    mdn = {"forEmailId": anna.email(), "disposition": DISPOSITION}
    for update in (None, {}, {"#k": {"keywords/$seen": True}}, {"#other": {"keywords/$mdnsent": True}}):
        ((name, said, _),) = anna.call(
            "MDN/send", identityId=anna.identity, send={"k": mdn}, onSuccessUpdateEmail=update
        )
        assert (name, said["type"]) == ("error", "invalidArguments")


def test_rfc9007_2_1_errors(anna: Anna) -> None:
    email = anna.email()
    silent = anna.jmap.import_message(b"From: ben@localhost\r\n\r\nx")
    assert anna.refused(silent) == "notFound"
    assert anna.refused(anna.email("no address")) == "notFound"
    assert anna.refused("e99999") == "notFound"
    assert anna.refused(email, finalRecipient=f"rfc822; {anna.ben.address}") == "forbiddenFrom"
    for wrong in (
        {"disposition": {**DISPOSITION, "type": "read"}},
        {"disposition": {"type": "displayed"}},
        {"subject": 1},
        {"originalMessageId": "<2@x>"},
        {"extensionFields": {"a b": "x"}},
        {"extensionFields": {"a": 1}},
        {"other": 1},
    ):
        assert anna.refused(email, **wrong) == "invalidProperties", wrong
    for arguments in ({"identityId": "i99999"}, {"accountId": "a99999"}, {"identityId": None}):
        whole: dict[str, Any] = {"identityId": anna.identity, "send": {}, **arguments}
        assert anna.call("MDN/send", **whole)[0][1]["type"] == "invalidArguments"
    without_mail = anna.call("MDN/send", using=[CORE, MDN], identityId=anna.identity, send={})
    assert without_mail[0][1]["type"] == "invalidArguments"


def test_no_value_makes_header_fields_of_its_own(anna: Anna) -> None:
    anna.send(
        anna.email(),
        subject="a\r\nBcc: x@example.com",
        reportingUA="b\r\nX-Other: 1",
        extensionFields={"X-Colour": "blue\r\n\r\nbody"},
    )
    received = anna.received()
    assert received["bcc"] is None
    assert list(anna.parsed(received["blobId"])["extensionFields"]) == ["X-Colour"]


def test_what_goes_to_other_servers_waits_and_is_kept(inside: Engine) -> None:
    anna = anna_of(inside)
    (_, sent, _), _ = anna.send(anna.email("x@example.com"))
    assert sent["sent"]
    rows = inside.store.database.connection.execute(
        "SELECT envelope, data FROM queue JOIN blobs ON blobs.hash = queue.blob"
    ).fetchall()
    ((envelope, data),) = rows
    assert b"x@example.com" in envelope
    assert b"disposition-notification" in data


def test_rfc9007_2_2_what_is_no_mdn(anna: Anna) -> None:
    plain = anna.jmap.upload(ASKING.encode(), "message/rfc822")
    wrong = anna.jmap.upload(
        b"Content-Type: message/disposition-notification\r\n\r\nDisposition: somehow; read\r\n", "message/rfc822"
    )
    said = anna.call("MDN/parse", blobIds=[plain, wrong, "nothing"])[0][1]
    assert said == {
        "accountId": anna.jmap.account,
        "parsed": None,
        "notParsable": [plain, wrong],
        "notFound": ["nothing"],
    }
    assert anna.call("MDN/parse", accountId="a99999", blobIds=[])[0][1]["type"] == "invalidArguments"
    many = [str(number) for number in range(501)]
    assert anna.call("MDN/parse", blobIds=many)[0][1]["type"] == "requestTooLarge"


def test_rfc9007_2_dispositions_are_read_in_lower_case(anna: Anna) -> None:
    raw = (
        b"Subject: =?utf-8?q?L=C3=A4st?=\r\nContent-Type: multipart/report; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nl\xe4st\r\n"
        b"--x\r\nContent-Type: message/disposition-notification\r\n\r\n"
        b"FINAL-RECIPIENT: rfc822;a@b\r\nDisposition: Manual-Action/MDN-sent-manually;\r\n Displayed/error\r\n"
        b"Error: too\r\n many\r\n--x--\r\n"
    )
    blob = anna.jmap.upload(raw)
    mdn = anna.call("MDN/parse", blobIds=[blob])[0][1]["parsed"][blob]
    assert (mdn["subject"], mdn["textBody"], mdn["disposition"]) == ("Läst", "läst", DISPOSITION)
    assert (mdn["finalRecipient"], mdn["error"]) == ("rfc822;a@b", ["too many"])
