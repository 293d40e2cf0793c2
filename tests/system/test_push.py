"""PushSubscriptions of a whole server, at a push service with real TLS (RFC 8620 section 7.2)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from tests.protocol.test_encryption import CURVE, decrypt, public, text
from tests.push.push_service import PushService
from tests.remote import HASH, Remote
from tests.system.server import Server

_numbers = count()

ALLOWED = '[jmap.push]\nthrottle = 0\nallowed-networks = ["127.0.0.0/8"]\n[log]\nlevel = "debug"\n'
OBSERVED = '[observe]\nendpoint = "tcp:0:interface=127.0.0.1"\n'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PushService]:
    """A push service that the server trusts."""
    made = PushService(tmp_path_factory.mktemp("push-service"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(made.certificate))
        yield made
    made.close()


class Client:
    """A user of their own, with a device."""

    def __init__(self, server: Server) -> None:
        self._remote = Remote(server, "http")
        self.user, self.account = self._remote.address, self._remote.account
        self.administer = self._remote.administer

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        ((given, said, _),) = self._remote.request((name, arguments, "0"))["methodResponses"]
        assert given == name, said
        result: dict[str, Any] = said
        return result

    def leave(self) -> None:
        """Be no user any more."""
        self.administer("account_delete", name=self.user)
        self._remote.close()

    def subscribe(self, url: str, **properties: Any) -> str:
        given = {"deviceClientId": "device", "url": url, **properties}
        said = self.call("PushSubscription/set", create={"k": given})
        id: str = said["created"]["k"]["id"]
        return id

    def verify(self, id: str, verification: dict[str, Any]) -> None:
        assert (verification["@type"], verification["pushSubscriptionId"]) == ("PushVerification", id)
        update = {id: {"verificationCode": verification["verificationCode"]}}
        assert self.call("PushSubscription/set", update=update)["updated"] == {id: None}

    def subscribed(self, service: PushService, url: str = "", **properties: Any) -> str:
        """A PushSubscription that is verified."""
        id = self.subscribe(url or service.url(), **properties)
        self.verify(id, orjson.loads(service.next().body))
        return id

    def change(self) -> str:
        """Make a Mailbox; the new state."""
        name = f"new {next(_numbers)}"
        said = self.call("Mailbox/set", accountId=self.account, create={"k": {"name": name}})
        assert said["created"], said
        state: str = said["newState"]
        return state

    def state(self) -> str:
        """The state of the Mailboxes."""
        state: str = self.call("Mailbox/get", accountId=self.account, ids=[])["state"]
        return state


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, service: PushService) -> Iterator[Server]:
    """A server that may post to this machine."""
    made = Server(tmp_path_factory.mktemp("server"), throttle="0", more=ALLOWED)
    made.start()
    yield made
    assert made.stop()


@pytest.fixture
def client(server: Server, service: PushService) -> Iterator[Client]:
    """A user, who leaves."""
    made = Client(server)
    yield made
    made.leave()
    assert service.is_quiet()


def told(service: PushService, account: str, type: str = "Mailbox") -> str:
    """The state that the next POST tells."""
    change = orjson.loads(service.next().body)
    assert change.keys() == {"@type", "changed"}
    assert change["@type"] == "StateChange"
    state: str = change["changed"][account][type]
    return state


def test_rfc8620_7_2_a_change_is_posted_when_the_client_has_said_the_code(client: Client, service: PushService) -> None:
    id = client.subscribe(service.url("/device?a=b"))
    verification = service.next()
    assert verification.path == "/device?a=b"
    client.change()
    client.verify(id, orjson.loads(verification.body))
    state = client.change()
    # nothing but the code was sent before, and of what changed before nothing is told
    assert told(service, client.account) == state


def test_rfc8620_7_2_the_post_must_have_a_json_content_type_and_a_ttl(client: Client, service: PushService) -> None:
    client.subscribe(service.url())
    posted = service.next()
    assert posted.headers["content-type"] == "application/json"
    assert 0 < int(posted.headers["ttl"]) <= 7 * 86_400
    assert posted.headers["host"] == f"localhost:{service.port}"
    assert "authorization" not in posted.headers


def test_rfc8620_7_2_with_keys_all_that_is_sent_must_be_encrypted(client: Client, service: PushService) -> None:
    key, auth = ec.generate_private_key(CURVE), os.urandom(16)
    id = client.subscribe(service.url(), keys={"p256dh": text(public(key)), "auth": text(auth)})
    posted = service.next()
    assert posted.headers["content-encoding"] == "aes128gcm"
    client.verify(id, orjson.loads(decrypt(posted.body, key, auth)))
    state = client.change()
    change = orjson.loads(decrypt(service.next().body, key, auth))
    assert change["changed"][client.account]["Mailbox"] == state


def test_rfc8620_7_2_only_the_types_asked_for_are_told(client: Client, service: PushService) -> None:
    id = client.subscribed(service, types=["Email"])
    client.change()
    assert client.call("PushSubscription/set", update={id: {"types": ["Mailbox"]}})["updated"] == {id: None}
    # the change before is told now: of this type nothing has been
    states = [told(service, client.account)]
    while states[-1] != client.state():
        states.append(told(service, client.account))


def test_rfc8620_7_2_when_the_credentials_are_revoked_nothing_is_posted(client: Client, service: PushService) -> None:
    client.subscribed(service)
    client.administer("account_passwd", name=client.user, hash=HASH)
    client.change()
    client.subscribed(service)
    state = client.change()
    assert told(service, client.account) == state


def test_rfc8620_7_2_whoever_cannot_prove_who_they_are_is_posted_nothing(
    client: Client, service: PushService, tmp_path: Path
) -> None:
    foreign, misnamed = PushService(tmp_path), PushService(service.certificate.parent, "127.0.0.2")
    client.subscribe(foreign.url())
    client.subscribe(f"https://127.0.0.2:{misnamed.port}/it")
    for _ in range(4):
        client.subscribe(service.url())
        service.next()
    for one in (foreign, misnamed):
        assert one.is_quiet()
        one.close()


@pytest.mark.parametrize("status", [404, 410])
def test_rfc8620_7_2_where_nobody_is_nothing_more_is_posted(
    server: Server, client: Client, service: PushService, status: int
) -> None:
    id = client.subscribed(service)
    service.answers.append((status, {}, b""))
    client.change()
    service.next()
    server.wait_for(f"the PushSubscription {id} is destroyed", 30)
    while client.call("PushSubscription/get", ids=[id])["list"]:
        pass


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b""),
        (429, {"Retry-After": "1"}, b""),
        (302, {"Location": "https://localhost:1/"}, b""),
        (201, {f"X-{number}": "long" * 100 for number in range(50)}, b""),
    ],
    ids=["fails", "is too much", "is elsewhere", "has headers without end"],
)
def test_rfc8620_7_2_what_was_not_taken_is_told_later(
    client: Client, service: PushService, answer: tuple[int, dict[str, str], bytes]
) -> None:
    client.subscribed(service)
    service.answers.append(answer)
    state = client.change()
    assert told(service, client.account) == state
    assert told(service, client.account) == state


def test_where_none_may_be_posted_to_any_more_no_connection_leads_that_is_kept(
    server: Server, client: Client, service: PushService
) -> None:
    client.subscribed(service)
    server.reload()
    server.wait_for("jmapd.toml has been read again", 30)
    client.change()
    state = client.change()
    server.reload(more=ALLOWED)
    assert told(service, client.account) == state


def test_the_log_has_nothing_of_where_is_posted_and_what(server: Server, client: Client, service: PushService) -> None:
    key, auth = text(public(ec.generate_private_key(CURVE))), text(os.urandom(16))
    client.subscribe(service.url("/secret"), keys={"p256dh": key, "auth": auth})
    service.next()
    client.subscribe(service.url("/secret"))
    code = orjson.loads(service.next().body)["verificationCode"]
    service.answers.append((410, {}, b""))
    client.subscribe(service.url("/secret"))
    service.next()
    server.wait_for("is destroyed", 30)
    log = "".join(server.log)
    assert [one for one in ("secret", f":{service.port}", "factory", key, auth, code) if one in log] == []


def test_a_body_without_end_is_not_read(client: Client, service: PushService) -> None:
    client.subscribed(service)
    service.answers.append((200, {"Content-Length": str(10**9)}, b"x" * 10**6))
    client.change()
    service.next()
    state = client.change()
    assert told(service, client.account) == state


def test_why_a_code_was_not_taken_is_in_the_log(server: Server, client: Client, tmp_path: Path) -> None:
    stranger = PushService(tmp_path)
    client.subscribe(stranger.url())
    server.wait_for("not taken: its certificate is not trusted", 30)
    stranger.close()
    client.subscribe(stranger.url())
    server.wait_for("not taken: nobody can be connected to there", 30)
    assert str(stranger.port) not in "".join(server.log)


def test_rfc8620_7_2_a_client_is_told_after_a_restart_what_changed_meanwhile(
    tmp_path: Path, service: PushService
) -> None:
    server = Server(tmp_path, throttle="0", more=ALLOWED)
    server.start()
    client = Client(server)
    client.subscribed(service)
    state = client.change()
    assert told(service, client.account) == state
    assert server.stop()
    # what changes while no server runs is told by the next one
    mbox = tmp_path / "mbox"
    mbox.write_text("From a@b Mon Jan  5 10:00:00 2026\nSubject: hello\n\nworld\n")
    server.jmapctl("import", client.user, str(mbox))
    server.start()
    assert orjson.loads(service.next().body)["changed"][client.account].keys() >= {"Email", "Mailbox"}
    assert server.stop()


def test_rfc8620_8_6_a_server_does_not_post_into_its_own_network(tmp_path: Path, service: PushService) -> None:
    server = Server(tmp_path, throttle="0", more=OBSERVED)
    server.start()
    client = Client(server)
    hosts = ("localhost", "127.0.0.1", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0")
    for host in hosts:
        client.subscribe(f"https://{host}:{service.port}/it")
    found = re.search(r"observe listens at .*?port=(\d+)", "".join(server.log))
    assert found
    metrics = ""
    while f'jmapd_push_posts_total{{outcome="unanswered"}} {len(hosts)}.0' not in metrics:
        metrics = requests.get(f"http://127.0.0.1:{found[1]}/metrics", timeout=30).text
    assert service.is_quiet()
    server.wait_for(r"not taken: no address is known that it may be reached at \(jmap.push.allowed-networks", 30)
    assert server.stop()
