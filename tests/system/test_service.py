"""The server as a service: how it starts, what ends it, what makes it read its certificate again."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from websockets.exceptions import ConnectionClosed

from jmapd.web.certificates import self_signed
from tests.system.server import BIN, PASSWORD, USER, Server

ECHO = ("Core/echo", {"a": 1}, "0")


def certificate_of(server: Server) -> bytes:
    """What a new connection is shown."""
    port = int(server.url.rpartition(":")[2])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as secure:
        found = secure.getpeercert(binary_form=True)
    assert found is not None
    return found


def account_of(server: Server) -> str:
    account: str = next(iter(server.http().get(f"{server.url}/jmap/session").json()["accounts"]))
    return account


def closed_with(connection: Any) -> int:
    """The code of the Close frame that ends a connection."""

    def read_all() -> None:
        while True:
            connection.recv(timeout=20)

    with pytest.raises(ConnectionClosed) as closed:
        read_all()
    assert closed.value.rcvd is not None
    return int(closed.value.rcvd.code)


def test_sigterm_answers_what_is_under_way_and_closes_sockets_with_1001(server: Server) -> None:
    sockets = [server.socket() for _ in range(3)]
    account = account_of(server)
    for number, one in enumerate(sockets):
        one.request(ECHO)
        create = {"k": {"name": f"last {number}"}}
        one.send(
            {
                "@type": "Request",
                "id": "last",
                "using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
                "methodCalls": [["Mailbox/set", {"accountId": account, "create": create}, "0"]],
            }
        )
    answers = [one.receive()["requestId"] for one in sockets]
    assert answers == ["last"] * 3
    assert server.stop()
    assert [closed_with(one.connection) for one in sockets] == [1001] * 3


def test_rfc8887_4_3_5_2_no_more_connections_while_stopping(server: Server) -> None:
    assert server.stop()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))


def write_pair(folder: Path, days: int) -> x509.Certificate:
    """A certificate of its own date, in the place of the one before."""
    made = folder / f"made-{days}"
    certificate, key = self_signed(made, "localhost", datetime.now(UTC) + timedelta(days=days))
    key.replace(folder / "key.pem")
    certificate.replace(folder / "certificate.pem")
    return x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())


def test_sighup_has_the_certificate_read_again_and_drops_no_connection(tmp_path: Path) -> None:
    first = write_pair(tmp_path, 0)
    tls = f'[server.tls]\ncertificate = "{tmp_path}/certificate.pem"\nprivate-key = "{tmp_path}/key.pem"\n'
    server = Server(tmp_path, more=tls)
    server.start()
    server.add_account()
    assert x509.load_der_x509_certificate(certificate_of(server)) == first
    open_before = server.socket(trust=tmp_path / "certificate.pem")
    second = write_pair(tmp_path, 1)
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("the certificate has been read again", 20)
    assert x509.load_der_x509_certificate(certificate_of(server)) == second
    assert open_before.request(ECHO)
    (tmp_path / "certificate.pem").write_text("broken")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("the old certificate stays", 20)
    assert x509.load_der_x509_certificate(certificate_of(server)) == second
    assert open_before.request(ECHO)
    assert server.stop()


def start_in_vain(configuration: Path) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "twistd"), "--nodaemon", "--pidfile=", "jmapd", "--config", str(configuration)]
    return subprocess.run(command, capture_output=True, text=True, cwd=configuration.parent, timeout=60, check=False)


def test_a_second_server_on_the_data_directory_is_refused(server: Server) -> None:
    said = start_in_vain(server.configuration)
    assert said.returncode == 1
    assert f"another server or jmapctl is using {server.data_dir}" in said.stderr
    assert server.socket().request(ECHO)


def test_a_data_directory_that_cannot_be_is_one_line_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "jmapd.toml").write_text('[server]\ndata-dir = "/dev/null"\n')
    said = start_in_vain(tmp_path / "jmapd.toml")
    assert (said.returncode, said.stderr) == (1, "jmapd: server.data-dir: /dev/null: File exists\n")


def test_a_certificate_that_cannot_be_written_is_one_line_and_tried_again(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.data_dir.mkdir()
    (server.data_dir / "tls").write_text("no folder")
    said = start_in_vain(server.configuration)
    # not 78, which the unit takes for final: the next attempt may find room
    assert said.returncode == 1
    (line,) = said.stderr.splitlines()
    assert line.startswith("jmapd: ")
    assert str(server.data_dir / "tls") in line


def test_a_port_that_is_taken_is_one_line_and_status_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = Server(tmp_path)
        server._configure(taken.getsockname()[1])
        said = start_in_vain(server.configuration)
    assert said.returncode == 1
    assert "server.listener.https" in said.stderr
    assert "Traceback" not in said.stdout + said.stderr


def test_a_password_that_changes_ends_the_sockets_and_the_old_one_is_wrong(server: Server) -> None:
    opened = server.socket()
    assert opened.request(ECHO)
    assert server.http().get(f"{server.url}/jmap/session").status_code == 200
    server.jmapctl("account", "passwd", USER, "--password-stdin", input="another\n")
    assert closed_with(opened.connection) == 1008
    assert server.http(password=PASSWORD).get(f"{server.url}/jmap/session").status_code == 401
    assert server.http(password="another").get(f"{server.url}/jmap/session").status_code == 200


def test_two_accounts_see_nothing_of_each_other(server: Server) -> None:
    server.add_account("ben@localhost", "ben's")
    anna, ben = (
        account_of(server),
        next(iter(server.http("ben", "ben's").get(f"{server.url}/jmap/session").json()["accounts"])),
    )
    assert anna != ben
    blob = server.http().post(f"{server.url}/jmap/upload/{anna}/", data=b"anna's").json()["blobId"]
    assert server.http().get(f"{server.url}/jmap/download/{anna}/{blob}/x").content == b"anna's"
    as_ben = server.http("ben", "ben's")
    for account in (anna, ben):
        assert as_ben.get(f"{server.url}/jmap/download/{account}/{blob}/x").status_code == 404
    assert as_ben.post(f"{server.url}/jmap/upload/{anna}/", data=b"x").status_code == 404
    bens = server.socket("ben", "ben's")
    bens.enable()
    assert bens.request(("Mailbox/get", {"accountId": anna}, "0"))[0][1]["type"] == "accountNotFound"
    server.socket().request(("Mailbox/set", {"accountId": anna, "create": {"k": {"name": "secret"}}}, "0"))
    bens.request(("Mailbox/set", {"accountId": ben, "create": {"k": {"name": "own"}}}, "0"))
    assert list(bens.push()["changed"]) == [ben]
    assert bens.pushes == []


def test_a_change_by_jmapctl_is_pushed(server: Server) -> None:
    watching = server.socket()
    watching.enable(types=["Email"])
    watching.request(ECHO)
    (server.folder / "mail.mbox").write_bytes(b"From a@b Mon Jan  6 07:00:00 2025\nSubject: new\n\nhello\n")
    server.jmapctl("import", USER, str(server.folder / "mail.mbox"))
    changed = watching.push()["changed"]
    assert list(changed[account_of(server)]) == ["Email"]


def test_nothing_secret_is_logged(server: Server) -> None:
    server.http().get(f"{server.url}/jmap/session?secret=query")
    server.http(password="wrong horse").get(f"{server.url}/jmap/session")
    server.socket().request(ECHO)
    server.stop()
    log = "".join(server.log)
    assert not [word for word in ("secret=query", "wrong horse", PASSWORD, "Basic ") if word in log]
    assert "Traceback" not in log
    assert "Unhandled" not in log


def test_a_shared_account_comes_into_sight_of_an_open_socket_and_goes_out_of_it(server: Server) -> None:
    server.add_account("ben@localhost", "ben's")
    anna = account_of(server)
    bens = server.socket("ben", "ben's")
    bens.enable()
    bens.request(ECHO)
    server.jmapctl("account", "share", USER, "ben@localhost", "--read-only")
    # all there is, for the client knows nothing of it
    assert "Mailbox" in bens.push()["changed"][anna]
    assert bens.request(("Mailbox/set", {"accountId": anna}, "0"))[0][1]["type"] == "accountReadOnly"
    annas = server.socket()
    annas.request(("Mailbox/set", {"accountId": anna, "create": {"k": {"name": "one"}}}, "0"))
    assert list(bens.push()["changed"][anna]) == ["Mailbox"]
    assert "shared with ben@localhost, read-only" in server.jmapctl("account", "list").stdout
    server.jmapctl("account", "unshare", USER, "ben@localhost")
    assert bens.request(("Mailbox/get", {"accountId": anna}, "0"))[0][1]["type"] == "accountNotFound"
    annas.request(("Mailbox/set", {"accountId": anna, "create": {"k": {"name": "two"}}}, "0"))
    own = next(iter(server.http("ben", "ben's").get(f"{server.url}/jmap/session").json()["accounts"]))
    bens.request(("Mailbox/set", {"accountId": own, "create": {"k": {"name": "own"}}}, "0"))
    assert list(bens.push()["changed"]) == [own]


def test_mail_from_one_account_to_another_is_pushed_to_its_recipient(server: Server) -> None:
    server.add_account("ben@localhost", "ben's")
    bens = server.socket("ben", "ben's")
    bens.enable(types=["Email"])
    bens.request(ECHO)
    annas, anna = server.socket(), account_of(server)
    submission = ("urn:ietf:params:jmap:submission",)
    (_, boxes, _), (_, identities, _) = annas.request(
        ("Mailbox/get", {"accountId": anna}, "0"), ("Identity/get", {"accountId": anna}, "1"), using=submission
    )
    drafts = next(one["id"] for one in boxes["list"] if one["role"] == "drafts")
    email = {
        "mailboxIds": {drafts: True},
        "from": [{"email": USER}],
        "to": [{"email": "ben@localhost"}],
        "subject": "lunch",
        "textBody": [{"partId": "1", "type": "text/plain"}],
        "bodyValues": {"1": {"value": "at noon"}},
    }
    identity = identities["list"][0]["id"]
    create = {"s": {"identityId": identity, "emailId": "#e"}}
    responses = annas.request(
        ("Email/set", {"accountId": anna, "create": {"e": email}}, "0"),
        ("EmailSubmission/set", {"accountId": anna, "create": create, "onSuccessDestroyEmail": ["#s"]}, "1"),
        using=submission,
    )
    assert [name for name, _, _ in responses] == ["Email/set", "EmailSubmission/set", "Email/set"]
    ((ben, states),) = bens.push()["changed"].items()
    assert list(states) == ["Email"]
    _, (_, got, _) = bens.request(
        ("Email/query", {"accountId": ben}, "0"),
        (
            "Email/get",
            {"accountId": ben, "#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"}},
            "1",
        ),
    )
    assert got["state"] == states["Email"]
    assert [one["subject"] for one in got["list"]] == ["lunch"]
