"""Method calls on an account, whatever carries them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from jmapd.protocol.capabilities import CORE, MAIL

USING = [CORE, MAIL]

Call = tuple[str, dict[str, Any], str]


class Caller(ABC):
    """Calls methods for the user of an account.

    :ivar account: the account's Id.
    :ivar address: its address.
    :ivar mailboxes: the Ids of its first Mailboxes, by name.
    """

    account: str
    address: str
    mailboxes: dict[str, str]

    @abstractmethod
    def request(self, *calls: Call, using: list[str] | None = None, **extra: Any) -> dict[str, Any]:
        """Send a Request that is one; its Response object."""

    @abstractmethod
    def session(self) -> dict[str, Any]:
        """The user's Session object."""

    @abstractmethod
    def upload(self, data: bytes, media_type: str = "application/octet-stream") -> str:
        """Upload a blob; its id."""

    @abstractmethod
    def download(self, blob: str) -> bytes:
        """What a blob of the account holds."""

    @abstractmethod
    def another(self, local_part: str) -> Caller:
        """A new user of the same server, who calls methods over the same transport; they leave when this one does.

        :param local_part: what their address is to begin with.
        """

    @abstractmethod
    def add_user(self, name: str) -> str:
        """One more user; their account's id."""

    @abstractmethod
    def administer(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Have done what `jmapctl` has done; what is answered."""

    def share_another(self) -> str:
        """See another user's account beside the own one; its Id."""
        name = f"other-of-{self.address}"
        account = self.add_user(name)
        self.administer("account_share", name=name, other=self.address, read_only=False)
        return account

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """One method call on the account; the arguments of its response."""
        arguments = {"accountId": self.account, **arguments}
        ((given, said, _),) = self.request((name, arguments, "0"))["methodResponses"]
        assert given == name, said
        result: dict[str, Any] = said
        return result

    def error(self, name: str, **arguments: Any) -> dict[str, Any]:
        """One method call that fails; its error object."""
        arguments = {"accountId": self.account, **arguments}
        ((given, said, _),) = self.request((name, arguments, "0"))["methodResponses"]
        assert given == "error", said
        result: dict[str, Any] = said
        return result

    def import_message(self, raw: bytes, mailbox: str = "Inbox", **extra: Any) -> str:
        """Upload a message and import it; its Email's id."""
        blob = self.upload(raw, "message/rfc822")
        email = {"blobId": blob, "mailboxIds": {self.mailboxes[mailbox]: True}, **extra}
        said = self.call("Email/import", emails={"k": email})
        assert said["created"], said
        id: str = said["created"]["k"]["id"]
        return id

    def find_mailboxes(self) -> None:
        """Learn what `mailboxes` is to say."""
        self.mailboxes = {one["name"]: one["id"] for one in self.call("Mailbox/get")["list"]}
