"""Who is subscribed to a Mailbox that several users see (RFC 8621 section 2)."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from tests.caller import Caller


@attrs.frozen
class Two:
    """Anna, and Ben who sees her account."""

    anna: Caller
    ben: Caller

    def seen(self, name: str, **arguments: Any) -> dict[str, Any]:
        """What Ben calls on Anna's account."""
        return self.ben.call(name, accountId=self.anna.account, **arguments)

    def share(self, what: str = "account_share", **more: Any) -> None:
        """Let Ben see it, or no more."""
        self.anna.administer(what, name=self.anna.address, other=self.ben.address, **more)

    def chosen(self) -> tuple[list[str], list[str]]:
        """The names of the Mailboxes that each of them is subscribed to, by /get and by /query."""
        sides = []
        for call in (self.anna.call, self.seen):
            boxes = {one["id"]: one for one in call("Mailbox/get")["list"]}
            sort = [{"property": "name"}]
            ids = call("Mailbox/query", filter={"isSubscribed": True}, sort=sort)["ids"]
            assert set(ids) == {id for id, one in boxes.items() if one["isSubscribed"]}
            sides.append([boxes[id]["name"] for id in ids])
        return sides[0], sides[1]


@pytest.fixture
def two(jmap: Caller) -> Two:
    made = Two(jmap, jmap.another("ben"))
    made.share(read_only=False)
    return made


def test_rfc8621_2_each_user_has_subscriptions_of_their_own(two: Two) -> None:
    usual = ["Archive", "Drafts", "Inbox", "Junk", "Sent", "Trash"]
    assert two.chosen() == (usual, [])
    archive, junk = two.anna.mailboxes["Archive"], two.anna.mailboxes["Junk"]
    update = {id: {"isSubscribed": True} for id in (archive, junk)}
    assert two.seen("Mailbox/set", update=update)["updated"] == dict.fromkeys(update)
    two.anna.call("Mailbox/set", update={archive: {"isSubscribed": False}, junk: {"name": "Spam"}})
    assert two.chosen() == (["Drafts", "Inbox", "Sent", "Spam", "Trash"], ["Archive", "Spam"])
    two.seen("Mailbox/set", update={junk: {"isSubscribed": False, "sortOrder": 9}})
    assert two.chosen() == (["Drafts", "Inbox", "Sent", "Spam", "Trash"], ["Archive"])


def test_rfc8621_2_who_makes_a_mailbox_is_subscribed_alone(two: Two) -> None:
    made = two.seen("Mailbox/set", create={"k": {"name": "Aardvarks", "isSubscribed": True}})["created"]["k"]
    assert "isSubscribed" not in made
    anna, ben = two.chosen()
    assert ("Aardvarks" in anna, ben) == (False, ["Aardvarks"])
    two.seen("Mailbox/set", destroy=[made["id"]])
    assert two.chosen()[1] == []


def test_who_comes_back_begins_anew(two: Two) -> None:
    two.seen("Mailbox/set", update={two.anna.mailboxes["Sent"]: {"isSubscribed": True}})
    two.share(read_only=True)
    assert two.chosen()[1] == ["Sent"]
    two.share("account_unshare")
    two.share(read_only=False)
    assert two.chosen()[1] == []
