"""A JMAP client on a WebSocket (RFC 8887) that prints what happens in an account, until it is interrupted."""

from __future__ import annotations

from typing import Any

import attrs
import orjson
import treq
from OpenSSL import SSL
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import deferLater, react
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS

from jmapd.ctl import shown
from jmapd.ctl.live_socket import Connection, Ended, connect

_LONGEST_WAIT = 30
_NEWEST = 10
_TRUST = "; --ca-file names a certificate to trust"
_OF_EMAIL = ["id", "threadId", "receivedAt", "from", "subject", "keywords", "mailboxIds"]


class SignInFailed(Exception):
    """The server cannot be used; the message says why."""


def _why(error: Exception) -> str:
    """What keeps a server from answering, for a person."""
    reasons = getattr(error, "reasons", None)
    cause = reasons[0].value if reasons else error
    if isinstance(cause, SSL.Error):
        return f"no TLS with it ({cause.args[0][0][2] if cause.args and cause.args[0] else 'it ended early'}){_TRUST}"
    if isinstance(cause, (ConnectionDone, ConnectionLost)):
        return "it closed the connection (is http: or https: right?)"
    return str(cause).rstrip(".")


def run(url: str, user: str, password: str, trusted: bytes | None) -> None:
    """Watch until interrupted.

    :param url: the server's scheme and authority.
    :param trusted: PEM certificates; ``None`` for those that the system trusts.
    """

    def start(reactor: Any) -> Deferred[None]:
        return ensureDeferred(_Watch(reactor, url, user, password, _trust(trusted)).forever())

    # the one place beside the server's own start that takes the global reactor
    react(start, (), reactor)


def _trust(pem: bytes | None) -> Any:
    if pem is None:
        return ssl.platformTrust()
    end = b"-----END CERTIFICATE-----"
    return ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(one + end) for one in pem.split(end)[:-1]])


@attrs.define
class _Watch:
    """What is known across connections.

    :param push_state: of the last push, so that the next connection catches up.
    :param states: the last known state of Email in each account.
    """

    reactor: Any
    url: str
    user: str
    password: str
    trust: Any
    push_state: str | None = None
    states: dict[str, str] = attrs.field(factory=dict)
    stopped: bool = False
    signed_in: bool = False

    async def forever(self) -> None:
        """Stay connected, until the reactor is told to stop; who cannot connect at first gets status 1."""
        self.reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        wait = 1
        while not self.stopped:
            try:
                session = await self._session()
                connection = await connect(self.reactor, session, self.user, self.password, self.trust)
                wait = 1
                self.signed_in = True
                await self._live(connection, session)
            except SignInFailed as error:
                shown.line(str(error))
                raise SystemExit(1) from None
            except Ended as error:
                if self.stopped:
                    return
                if not self.signed_in:
                    shown.line(f"{error}.")
                    raise SystemExit(1) from None
                shown.line(f"{error}; trying again in {wait} s")
            await deferLater(self.reactor, wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _stop(self) -> None:
        self.stopped = True

    async def _session(self) -> dict[str, Any]:
        agent = Agent(self.reactor, BrowserLikePolicyForHTTPS(self.trust), connectTimeout=10)
        client = treq.client.HTTPClient(agent)
        try:
            response = await client.get(f"{self.url}/.well-known/jmap", auth=(self.user, self.password))
            body = await response.content()
        except Exception as error:  # whatever keeps the server from answering is told and tried again
            raise Ended(f"{self.url} cannot be reached: {_why(error)}") from None
        if response.code == 401:
            raise SignInFailed(f"{self.url} does not accept this user and password.")
        if response.code != 200:
            raise Ended(f"{self.url} answers {response.code}")
        session: dict[str, Any] = orjson.loads(body)
        return session

    async def _live(self, connection: Connection, session: dict[str, Any]) -> None:
        for account in session["accounts"]:
            if account not in self.states:
                await self._newest(connection, account, session["accounts"][account]["name"])
        connection.enable_push(self.push_state)
        if self.push_state is None:
            # nothing says yet where pushes would go on from
            for account in session["accounts"]:
                await self._changes(connection, account)
        shown.line("Waiting for pushes; Ctrl-C ends.")
        while True:
            push = await connection.pushes.get()
            if isinstance(push, Ended):
                raise push
            await self._pushed(connection, push)

    async def _newest(self, connection: Connection, account: str, name: str) -> None:
        query = {"accountId": account, "sort": [{"property": "receivedAt", "isAscending": False}], "limit": _NEWEST}
        get = {"accountId": account, "#ids": _result_of("0", "Email/query", "/ids"), "properties": _OF_EMAIL}
        answers = await connection.request([["Email/query", query, "0"], ["Email/get", get, "1"]])
        emails = answers["1"]
        self.states[account] = emails["state"]
        shown.line(f"Account {name}, its newest messages:")
        for email in reversed(emails["list"]):
            shown.line(shown.email(" ", email))

    async def _pushed(self, connection: Connection, push: dict[str, Any]) -> None:
        self.push_state = push.get("pushState", self.push_state)
        for account, types in push["changed"].items():
            shown.line(f"Push: {', '.join(sorted(types))} in {account}")
            if "Email" in types and account in self.states:
                await self._changes(connection, account)

    async def _changes(self, connection: Connection, account: str) -> None:
        more = True
        while more:
            since = self.states[account]
            answers = await connection.request(
                [
                    ["Email/changes", {"accountId": account, "sinceState": since, "maxChanges": 100}, "0"],
                    _get_of(account, "created"),
                    _get_of(account, "updated"),
                ]
            )
            changes = answers["0"]
            if "newState" not in changes:
                # the server cannot tell what happened since: from here on, then
                await self._newest(connection, account, account)
                return
            for sign, kind in (("+", "created"), ("~", "updated")):
                for email in answers[kind]["list"]:
                    shown.line(shown.email(sign, email))
            for id in changes["destroyed"]:
                shown.line(f"- {id}")
            self.states[account] = changes["newState"]
            more = changes["hasMoreChanges"]


def _get_of(account: str, kind: str) -> list[Any]:
    ids = _result_of("0", "Email/changes", f"/{kind}")
    return ["Email/get", {"accountId": account, "#ids": ids, "properties": _OF_EMAIL}, kind]


def _result_of(call: str, name: str, path: str) -> dict[str, str]:
    return {"resultOf": call, "name": name, "path": path}
