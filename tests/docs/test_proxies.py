"""jmapd behind nginx, HAProxy and Caddy, with the configurations of etc/proxies/.

It needs all three: `tox run -e docs` runs it, `make test` does not.
"""

from __future__ import annotations

import json
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.h2_socket import H2Socket
from tests.docs.proxies import PROXIES, Inner, behind
from tests.system.server import PASSWORD, USER, Connection, Socket

SOURCE = "127.0.0.2"
"""Where clients come from: loopback, and no trusted proxy."""

STATUS = "\n%{http_code}/%{http_version}"
INVENTED = "203.0.113.9"
AUTHORIZATION = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
ECHO = {"using": ["urn:ietf:params:jmap:core"], "methodCalls": [["Core/echo", {"a": 1}, "0"]]}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    folder = tmp_path_factory.mktemp("pair")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.fixture(scope="module", params=list(PROXIES))
def server(
    request: pytest.FixtureRequest, pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Inner]:
    """A server behind each of them."""
    with behind(request.param, tmp_path_factory.mktemp(request.param), *pair) as made:
        yield made


def curl(server: Inner, certificate: Path, path: str, *more: str) -> tuple[str, str]:
    """Ask over the proxy; the body, and `status/version`."""
    options = ("--silent", "--show-error", "--max-time", "30", "--interface", SOURCE, "--user", f"{USER}:{PASSWORD}")
    said = subprocess.run(
        ["curl", *options, "--cacert", certificate, "--write-out", STATUS, *more, f"{server.url}{path}"],
        check=True,
        capture_output=True,
        text=True,
    )
    body, _, end = said.stdout.rpartition("\n")
    return body, end


def socket(server: Inner, certificate: Path) -> Socket:
    """A WebSocket through the proxy, at the URL that the Session names."""
    session = json.loads(curl(server, certificate, "/.well-known/jmap")[0])
    connection = Connection(
        session["capabilities"]["urn:ietf:params:jmap:websocket"]["url"],
        ssl=ssl.create_default_context(cafile=certificate),
        subprotocols=["jmap"],
        additional_headers={
            "Authorization": AUTHORIZATION,
            "X-Forwarded-For": INVENTED,
            "Forwarded": f"for={INVENTED}",
        },
        local_addr=(SOURCE, 0),
        open_timeout=30,
    )
    assert connection._connection.subprotocol == "jmap"
    return Socket(connection)


def made_mailbox(server: Inner, certificate: Path, name: str) -> None:
    """Something that is pushed."""
    create: dict[str, Any] = {"accountId": "a1", "create": {"k": {"name": name}}}
    call = {"using": ["urn:ietf:params:jmap:mail"], "methodCalls": [["Mailbox/set", create, "0"]]}
    said, _ = curl(
        server, certificate, "/jmap/api/", "--header", "Content-Type: application/json", "--data", json.dumps(call)
    )
    assert "created" in json.loads(said)["methodResponses"][0][1], said


@pytest.mark.parametrize(("option", "version"), [("--http1.1", "1.1"), ("--http2", "2")])
def test_the_session_names_the_proxy_over_either_version(
    server: Inner, pair: tuple[Path, Path], option: str, version: str
) -> None:
    body, end = curl(server, pair[0], "/.well-known/jmap", option)
    assert end == f"200/{version}"
    session = json.loads(body)
    assert session["apiUrl"] == f"{server.url}/jmap/api/"
    assert session["capabilities"]["urn:ietf:params:jmap:websocket"]["url"] == f"wss{server.url[5:]}/jmap/ws"


def test_an_upload_of_the_largest_size_goes_through(server: Inner, pair: tuple[Path, Path], tmp_path: Path) -> None:
    largest = tmp_path / "largest"
    with largest.open("wb") as file:
        file.truncate(50_000_000)
    body, end = curl(server, pair[0], "/jmap/upload/a1/", "--http2", "--data-binary", f"@{largest}")
    assert end == "201/2", body
    assert json.loads(body)["size"] == 50_000_000


def test_a_page_of_the_proxys_own_origin_is_no_stranger(server: Inner, pair: tuple[Path, Path]) -> None:
    assert curl(server, pair[0], "/.well-known/jmap", "--header", f"Origin: {server.url}")[1] == "200/2"
    assert curl(server, pair[0], "/.well-known/jmap", "--header", "Origin: https://other.example")[1] == "403/2"


def test_a_websocket_answers_and_pushes(server: Inner, pair: tuple[Path, Path]) -> None:
    opened = socket(server, pair[0])
    assert opened.request(("Core/echo", {"a": 1}, "0")) == [["Core/echo", {"a": 1}, "0"]]
    opened.enable(types=["Mailbox"])
    opened.request(("Core/echo", {}, "0"))
    made_mailbox(server, pair[0], "pushed")
    assert list(opened.push()["changed"]["a1"]) == ["Mailbox"]
    opened.close()


def test_the_client_and_not_the_proxy_is_who_is_connected(server: Inner, pair: tuple[Path, Path]) -> None:
    opened = socket(server, pair[0])
    (line,) = [one for one in server.jmapctl("connections").stdout.splitlines() if USER in one and one.startswith("w")]
    assert line.split()[3] == SOURCE, line
    opened.close()
    said = server.wait_for(rf"(\S+) {USER} websocket \S+ opened", 20)
    assert said[1] == SOURCE
    inside = [line for line in server.log if " GET /.well-known/jmap HTTP/1.1 200 " in line]
    assert inside
    assert all(f" {SOURCE} {USER} GET" in line for line in inside), inside


def test_an_invented_address_is_not_believed(server: Inner, pair: tuple[Path, Path]) -> None:
    place = f"/jmap/session?{INVENTED}"
    headers = ("--header", f"X-Forwarded-For: {INVENTED}", "--header", f"Forwarded: for={INVENTED}")
    assert curl(server, pair[0], place, *headers)[1] == "200/2"
    assert server.wait_for(r"(\S+) \S+ GET /jmap/session HTTP", 20)[1] == SOURCE


def test_rfc8441_a_websocket_over_http2_where_the_proxy_has_it(
    server: Inner, pair: tuple[Path, Path], request: pytest.FixtureRequest
) -> None:
    port = int(server.url.rpartition(":")[2])
    client = H2Socket(("127.0.0.1", port), SOURCE, pair[0])
    assert client.offered == ("haproxy" in request.node.callspec.id)
    if client.offered:
        client.open("/jmap/ws", AUTHORIZATION)
        assert (client.headers[":status"], client.headers["sec-websocket-protocol"]) == ("200", "jmap")
        client.send(json.dumps({"@type": "Request", "id": "r", **ECHO}))
        assert json.loads(client.receive())["requestId"] == "r"
        client.send(json.dumps({"@type": "WebSocketPushEnable", "dataTypes": ["Mailbox"]}))
        client.send(json.dumps({"@type": "Request", "id": "s", **ECHO}))
        assert json.loads(client.receive())["requestId"] == "s"
        made_mailbox(server, pair[0], "pushed over HTTP/2")
        assert json.loads(client.receive())["@type"] == "StateChange"
    client.close()
