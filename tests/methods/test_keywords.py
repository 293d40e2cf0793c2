"""What a keyword may be (RFC 8621 section 4.1.1)."""

from __future__ import annotations

from typing import Any

from tests.caller import Caller

RAW = b"From: a@b\r\nSubject: s\r\n\r\nhello\r\n"
FORBIDDEN = '(){]%*"\\ \x7f\x1fé'


def test_rfc8621_4_1_1_keywords_are_of_few_characters_and_at_most_255(jmap: Caller) -> None:
    email = jmap.import_message(RAW)
    allowed = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in FORBIDDEN)
    for keyword in (allowed, "x", "x" * 255):
        assert jmap.call("Email/set", update={email: {"keywords": {keyword: True}}})["updated"], keyword
        (found,) = jmap.call("Email/get", ids=[email], properties=["keywords"])["list"]
        assert found["keywords"] == {keyword.lower(): True}
    for keyword in ("", "x" * 256, *(f"a{one}b" for one in FORBIDDEN), "\\Deleted"):
        refused = jmap.call("Email/set", update={email: {"keywords": {keyword: True}}})["notUpdated"][email]
        assert (refused["type"], refused["properties"]) == ("invalidProperties", ["keywords"]), keyword


def test_rfc8621_4_1_1_keywords_are_given_in_lower_case_wherever_they_come_from(jmap: Caller) -> None:
    emails = [jmap.import_message(RAW, keywords={"$Seen": True, "LOUD": True})]
    draft = {"mailboxIds": {jmap.mailboxes["Drafts"]: True}, "keywords": {"$Seen": True, "LOUD": True}}
    emails.append(jmap.call("Email/set", create={"k": draft})["created"]["k"]["id"])
    emails.append(jmap.import_message(RAW))
    jmap.call("Email/set", update={emails[2]: {"keywords/$SEEN": True, "keywords/Loud": True}})
    for found in jmap.call("Email/get", ids=emails, properties=["keywords"])["list"]:
        assert found["keywords"] == {"$seen": True, "loud": True}


def test_rfc8621_4_1_1_the_values_of_sets_are_true(jmap: Caller) -> None:
    email = jmap.import_message(RAW)
    inbox = jmap.mailboxes["Inbox"]
    for name, key in (("keywords", "$seen"), ("mailboxIds", inbox)):
        values: tuple[Any, ...] = (False, 1, "true", {})
        for value in values:
            refused = jmap.call("Email/set", update={email: {name: {key: value}}})["notUpdated"][email]
            assert (refused["type"], refused["properties"]) == ("invalidProperties", [name]), value
    jmap.call("Email/set", update={email: {"keywords/$seen": True}})
    (found,) = jmap.call("Email/get", ids=[email], properties=["keywords", "mailboxIds"])["list"]
    assert (found["keywords"], found["mailboxIds"]) == ({"$seen": True}, {inbox: True})
