"""A reload of a whole server: its file is read again, and nobody who is connected notices."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path
from typing import Any

from tests.system.server import Server
from tests.system.test_service import ECHO, write_pair

DONE = "has been read again; changed: "
CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"


def get(account: str, count: int) -> tuple[str, dict[str, Any], str]:
    return ("Mailbox/get", {"accountId": account, "ids": [f"x{n}" for n in range(count)]}, "0")


def session_of(server: Server) -> Any:
    return server.http().get(f"{server.url}/jmap/session").json()


def test_rfc8620_2_another_limit_is_enforced_over_http_and_on_sockets_that_are_open(server: Server) -> None:
    """The Session's state is another one where anything in it is (RFC 8620 section 2), and each Response tells it."""
    before = session_of(server)
    (account,) = before["accounts"]
    socket_before = server.socket()
    assert socket_before.request(get(account, 2))[0][0] == "Mailbox/get"
    server.reload('[jmap.protocol.get]\nmax-objects = 1\n[jmap.protocol.request]\nmax-size = "2KiB"\n')
    server.wait_for(DONE + 'jmap.protocol.request.max-size = "2KiB", jmap.protocol.get.max-objects = 1\n', 30)
    after = session_of(server)
    assert after["capabilities"][CORE]["maxObjectsInGet"] == 1
    assert after["state"] != before["state"]
    assert {**after, "state": 0, "capabilities": 0} == {**before, "state": 0, "capabilities": 0}
    request: Any = {"using": [CORE, MAIL], "methodCalls": [get(account, 2)]}
    answer = server.http().post(f"{server.url}/jmap/api/", json=request)
    assert answer.json()["methodResponses"][0][1]["type"] == "requestTooLarge"
    assert answer.json()["sessionState"] == after["state"]
    assert socket_before.request(get(account, 2))[0][1]["type"] == "requestTooLarge"
    large: Any = {"using": [CORE], "methodCalls": [["Core/echo", {"a": "x" * 2048}, "0"]]}
    assert server.http().post(f"{server.url}/jmap/api/", json=large).status_code == 400
    assert socket_before.request(ECHO)
    socket_before.send({"@type": "Request", "id": "r", **large})
    assert socket_before.receive()["limit"] == "maxSizeRequest"


def test_a_wrong_file_changes_nothing_but_the_certificate_is_read_again(server: Server) -> None:
    before = session_of(server)
    open_before = server.socket()
    server.reload("[jmap.protocol.get]\nmax-objects = 0\n")
    server.wait_for(
        f"the old settings stay: {server.configuration}: jmap.protocol.get.max-objects = 0: must be a whole number", 20
    )
    server.wait_for("the certificate has been read again", 20)
    assert session_of(server) == before
    assert open_before.request(ECHO)
    server.configuration.write_text("no TOML")
    server.hang_up()
    server.wait_for(f"the old settings stay: {server.configuration}: is no TOML", 20)
    server.configuration.unlink()
    server.hang_up()
    server.wait_for(f"the old settings stay: {server.configuration}: cannot be read: No such file", 20)
    assert session_of(server) == before
    assert open_before.request(ECHO)


def test_what_needs_a_restart_is_named_and_stays_as_it_is(server: Server) -> None:
    before = session_of(server)
    open_before = server.socket()
    server.reload('[jmap.changes]\nkeep = "2d"\n', settings='hostname = "mail.example"')
    server.wait_for(DONE + 'jmap.changes.keep = "2d"\n', 30)
    server.wait_for(
        f"what changed in {server.configuration} needs a restart: server.hostname, server.listener.https.endpoint\n", 10
    )
    assert session_of(server) == before
    assert open_before.request(ECHO)


def agreed(server: Server) -> tuple[str | None, bytes | None]:
    """What a new connection is offered of HTTP/2, and the certificate that it is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    with socket.create_connection(address, 20) as plain, context.wrap_socket(plain) as secure:
        return secure.selected_alpn_protocol(), secure.getpeercert(binary_form=True)


def test_another_certificate_and_no_more_http_2(server: Server, tmp_path: Path) -> None:
    open_before = server.socket()
    own = agreed(server)
    assert own[0] == "h2"
    write_pair(tmp_path, 0)
    pair = f'[server.tls]\ncertificate = "{tmp_path}/certificate.pem"\nprivate-key = "{tmp_path}/key.pem"\n'
    server.reload(pair, settings="http2 = false")
    server.wait_for(DONE, 30)
    now = agreed(server)
    assert now[0] == "http/1.1"
    assert now[1] != own[1]
    server.reload()
    server.wait_for(DONE, 30)
    assert agreed(server) == own
    assert open_before.request(ECHO)


def test_the_log_has_another_form(server: Server) -> None:
    server.reload('[log]\nformat = "json"\naccess = false\n')
    line = server.wait_for(f".*{DONE}.*", 30)[0]
    assert json.loads(line)["level"] == "info"
    seen = len(server.log)
    session_of(server)
    server.reload('[log]\nlevel = "warn"\n', settings='url = "https://mail.example"')
    assert "[warn]" not in server.wait_for("what changed in .* needs a restart: server.url", 30)[0]
    assert not any("/jmap/session" in line or DONE in line for line in server.log[seen:])


def test_one_reload_after_another(server: Server) -> None:
    """Each is done before the next one begins."""
    for number in range(1, 4):
        server.reload(f"[jmap.protocol.get]\nmax-objects = {number}\n")
        server.hang_up()
    while session_of(server)["capabilities"][CORE]["maxObjectsInGet"] != 3:
        server.wait_for(DONE, 30)
    assert server.stop()
