"""MDN/send and MDN/parse (RFC 9007)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from jmapd.protocol.capabilities import CORE, MAIL, MDN, SUBMISSION
from tests.engine import Engine, engine

USING = [CORE, MAIL, MDN, SUBMISSION]
DISPOSITION = {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed"}
ASKING = (
    "From: ben@localhost\r\nTo: anna@localhost\r\nSubject: plans\r\nMessage-ID: <1@x>\r\n"
    "Disposition-Notification-To: Ben <{}>\r\n\r\nsee you\r\n"
)


@attrs.define
class Anna:
    """Anna, who has read Ben's message."""

    jmap: Engine
    ben: str
    identity: str = ""

    def call(self, name: str, *, using: list[str] | None = None, **arguments: Any) -> list[Any]:
        whole = {"accountId": self.jmap.account, **arguments}
        found: list[Any] = self.jmap.request((name, whole, "0"), using=USING if using is None else using)[
            "methodResponses"
        ]
        return found

    def email(self, to: str = "ben@localhost") -> str:
        return self.jmap.import_message(ASKING.format(to).encode())

    def send(self, email: str, **properties: Any) -> list[Any]:
        mdn = {"forEmailId": email, "disposition": DISPOSITION, **properties}
        update = {"#k": {"keywords/$mdnsent": True}}
        return self.call("MDN/send", identityId=self.identity, send={"k": mdn}, onSuccessUpdateEmail=update)

    def refused(self, email: str, **properties: Any) -> str:
        ((_, said, _),) = self.send(email, **properties)
        return str(said["notSent"]["k"]["type"])


@pytest.fixture
def anna(tmp_path: Path) -> Iterator[Anna]:
    with engine(tmp_path) as jmap:
        made = Anna(jmap, jmap.add_user("ben@localhost"))
        made.identity = made.call("Identity/get")[0][1]["list"][0]["id"]
        yield made


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
        "finalRecipient": "rfc822; anna@localhost",
        "originalRecipient": None,
        "originalMessageId": "<1@x>",
    }
    assert (name, call_id, list(updated["updated"])) == ("Email/set", "0", [email])
    (marked,) = anna.jmap.call("Email/get", ids=[email])["list"]
    assert marked["keywords"] == {"$mdnsent": True}
    # Ben has it
    anna.jmap.user = 2
    (received,) = anna.jmap.call("Email/get", accountId=anna.ben, ids=None)["list"]
    assert received["from"] == [{"name": None, "email": "anna@localhost"}]
    parsed = anna.call("MDN/parse", accountId=anna.ben, blobIds=[received["blobId"]])[0][1]
    assert parsed["parsed"][received["blobId"]] == {
        "forEmailId": None,
        "disposition": DISPOSITION,
        "mdnGateway": None,
        "error": None,
        **asked,
        **told,
    }
    headers = anna.jmap.call(
        "Email/get", accountId=anna.ben, ids=[received["id"]], properties=["header:Auto-Submitted", "inReplyTo"]
    )
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
    assert anna.refused("e99") == "notFound"
    assert anna.refused(email, finalRecipient="rfc822; ben@localhost") == "forbiddenFrom"
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
    for arguments in ({"identityId": "i99"}, {"accountId": "a99"}, {"identityId": None}):
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
    anna.jmap.user = 2
    (received,) = anna.jmap.call("Email/get", accountId=anna.ben, ids=None)["list"]
    assert received["bcc"] is None
    parsed = anna.call("MDN/parse", accountId=anna.ben, blobIds=[received["blobId"]])[0][1]
    assert list(parsed["parsed"][received["blobId"]]["extensionFields"]) == ["X-Colour"]


def test_what_goes_to_other_servers_waits_and_is_kept(anna: Anna) -> None:
    (_, sent, _), _ = anna.send(anna.email("x@example.com"))
    assert sent["sent"]
    rows = anna.jmap.store.database.connection.execute(
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
    assert anna.call("MDN/parse", accountId="a99", blobIds=[])[0][1]["type"] == "invalidArguments"
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
