"""What an operator sees of a whole server: its metrics, its health, its log."""

from __future__ import annotations

import json
import re
import signal
import socket
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from jmapd import __version__
from tests.system.server import BIN, PASSWORD, USER, Server
from tests.system.test_service import ECHO, account_of, start_in_vain

OBSERVE = '[observe]\nendpoint = "tcp:0:interface=127.0.0.1"\n'
WRONG, TICKET, TOKEN = "wrong horse battery", "tICKET-8c1f", "tOKEN-77ab"


@pytest.fixture
def observed(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, throttle="100ms", more=OBSERVE + '[log]\nformat = "json"\n')
    server.start()
    server.add_account()
    yield server
    if server.running():
        server.kill()


def door(server: Server) -> str:
    """The URL of the observing door."""
    found = re.search(r"observe listens at .*?port=(\d+)", "".join(server.log))
    assert found
    return f"http://127.0.0.1:{found[1]}"


def scraped(server: Server) -> dict[str, float]:
    """Each sample, by its name and labels as they are written."""
    text = requests.get(f"{door(server)}/metrics", timeout=10).text
    return {
        f"{sample.name}{{{','.join(f'{name}={value}' for name, value in sorted(sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def entries(server: Server, message: str) -> list[dict[str, Any]]:
    """The log's objects with a message, when all that was said is there."""
    return [one for one in map(json.loads, server.log) if one["message"] == message]


@contextmanager
def secure(server: Server) -> Iterator[ssl.SSLSocket]:
    """A connection of one's own."""
    context = ssl.create_default_context(cafile=server.certificate)
    port = int(server.url.rpartition(":")[2])
    plain = socket.create_connection(("127.0.0.1", port))
    with plain, context.wrap_socket(plain, server_hostname="localhost") as wrapped:
        yield wrapped


def raw(server: Server, data: bytes) -> bytes:
    """Send octets over TLS, and read until the server closes."""
    with secure(server) as connection:
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
        return received


def basic(user: str, password: str) -> str:
    return b64encode(f"{user}:{password}".encode()).decode()


UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: jmap\r\n"
    f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Basic {basic(USER, PASSWORD)}\r\n"
)


def test_the_metrics_of_a_server_at_work(observed: Server) -> None:
    watching = observed.socket()
    watching.enable()
    watching.request(ECHO)
    account = account_of(observed)
    create = {"k": {"name": "new"}}
    watching.request(("Mailbox/set", {"accountId": account, "create": create}, "0"))
    watching.push()
    body: Any = {"using": ["urn:ietf:params:jmap:core"], "methodCalls": [ECHO]}
    with observed.http() as http:
        assert http.post(f"{observed.url}/jmap/api/", json=body).status_code == 200
        assert http.post(f"{observed.url}/jmap/api/", json={}).status_code == 400
        assert observed.http(password=WRONG).get(f"{observed.url}/jmap/session").status_code == 401
        assert raw(observed, b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 414 ")
        found = scraped(observed)
    assert found["jmapd_connections{kind=websocket_http1}"] == 1
    assert found["jmapd_connections{kind=http1}"] >= 1
    assert found["jmapd_connections_opened_total{kind=websocket_http1}"] == 1
    assert found["jmapd_requests_total{binding=websocket,outcome=ok}"] == 2
    assert found["jmapd_requests_total{binding=http,outcome=ok}"] == 1
    assert found["jmapd_requests_total{binding=http,outcome=refused}"] == 1
    assert found["jmapd_request_seconds_count{binding=websocket}"] == 2
    assert found["jmapd_http_requests_total{status=401,version=HTTP/1.1}"] == 1
    assert found["jmapd_websocket_messages_total{direction=in}"] == 3
    assert found["jmapd_websocket_messages_total{direction=out}"] == 3
    assert found["jmapd_websocket_bytes_total{direction=out}"] > found["jmapd_websocket_messages_total{direction=out}"]
    assert found["jmapd_pushes_total{what=sent}"] == 1
    assert found["jmapd_writer_batch_size_count{}"] >= 2
    assert found["jmapd_authentications_total{outcome=failed}"] == 1
    assert found["jmapd_bounds_hit_total{bound=max-request-line}"] == 1
    assert found["jmapd_workers_ready{role=writer}"] == 1
    assert found["jmapd_workers_ready{role=reader}"] >= 2
    assert found["jmapd_jobs_waiting{for=turn}"] == found["jmapd_jobs_running{role=writer}"] == 0
    assert found["process_open_fds{}"] > 5
    assert "jmapd_build_info" in "".join(found)
    assert observed.stop()


def test_a_worker_that_is_killed_is_counted(observed: Server) -> None:
    assert observed.process is not None
    children = Path(f"/proc/{observed.process.pid}/task/{observed.process.pid}/children").read_text().split()
    observed.jmapctl("account", "list")
    subprocess.run(["kill", "-KILL", children[-1]], check=True)
    observed.wait_for("another one is started", 20)
    found = scraped(observed)
    assert sum(number for name, number in found.items() if name.startswith("jmapd_workers_replaced_total")) == 1
    assert any("reason=crash" in name for name in found)
    assert observed.stop()


def test_ready_when_it_is_ready_and_not_from_the_moment_a_stop_begins(observed: Server) -> None:
    url = door(observed)
    assert requests.get(f"{url}/readyz", timeout=10).status_code == 200
    assert requests.get(f"{url}/healthz", timeout=10).text == "ok\n"
    assert observed.process is not None
    # it lets every client say goodbye; this one does not, and so it stops for a moment
    with secure(observed) as silent:
        silent.sendall(f"GET /jmap/ws HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n".encode())
        assert silent.recv(65_536).startswith(b"HTTP/1.1 101 ")
        observed.process.send_signal(signal.SIGTERM)
        while (answer := requests.get(f"{url}/readyz", timeout=10)).status_code == 200:
            assert observed.running()
        assert (answer.status_code, answer.text) == (503, "the server is stopping\n")
        assert requests.get(f"{url}/healthz", timeout=10).status_code == 200
    observed.process.wait(30)


def test_neither_page_is_on_the_public_tree(observed: Server) -> None:
    with observed.http() as http:
        statuses = [http.get(f"{observed.url}/{page}").status_code for page in ("metrics", "healthz", "readyz")]
    assert statuses == [404, 404, 404]


def test_json_lines_tell_of_each_request_and_socket(observed: Server) -> None:
    opened = observed.socket()
    opened.request(ECHO)
    opened.close()
    with observed.http() as http:
        assert http.get(f"{observed.url}/jmap/session?secret=1").status_code == 200
    raw(observed, b"nonsense\r\n\r\n")
    raw(observed, b"GET /gone HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert observed.stop()
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", json.loads(line)["time"]) for line in observed.log
    )
    (opening,), (closing,) = entries(observed, "websocket opened"), entries(observed, "websocket closed")
    assert (opening["user"], opening["client"], opening["version"]) == (USER, "127.0.0.1", "HTTP/1.1")
    assert opening["extensions"] == ""
    assert (closing["id"], closing["code"], closing["by"]) == (opening["id"], 1000, "client")
    assert (closing["messages_in"], closing["messages_out"]) == (1, 1)
    assert closing["bytes_in"] > 0
    assert closing["seconds"] >= 0
    session, nonsense, gone = entries(observed, "request")
    assert (session["method"], session["path"], session["status"]) == ("GET", "/jmap/session", 200)
    assert (session["user"], session["client"], session["version"]) == (USER, "127.0.0.1", "HTTP/1.1")
    assert session["bytes"] > 100
    assert session["ms"] > 0
    assert (nonsense["method"], nonsense["path"], nonsense["status"], nonsense["user"]) == ("-", "-", 400, None)
    assert (gone["path"], gone["status"], gone["user"]) == ("/gone", 404, None)


@pytest.mark.parametrize("format", ["text", "json"])
def test_nothing_secret_is_in_any_line(format: str, tmp_path: Path) -> None:
    """Every way of saying who one is, right or wrong, over HTTP and over a WebSocket's handshake."""
    server = Server(tmp_path, more=f'[log]\nformat = "{format}"\nlevel = "debug"\n')
    server.start()
    server.add_account()
    fields = [
        f"Basic {basic(USER, PASSWORD)}",
        f"Basic {basic(USER, WRONG)}",
        f"Basic {basic(WRONG, PASSWORD)}",
        f"Bearer {TOKEN}",
        f"basic {PASSWORD}",
    ]
    queries = [
        f"ticket={TICKET}",
        f"access_token={TOKEN}",
        f"basic={quote(basic(USER, PASSWORD))}",
        f"x={quote(WRONG)}",
    ]
    for path in ("/jmap/session", "/jmap/ws", "/nothing"):
        for field in fields:
            raw(
                server,
                f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {field}\r\n\r\n".encode(),
            )
        for query in queries:
            raw(server, f"GET {path}?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            raw(server, f"GET {path}?{query} HTTP/1.0\r\nHost: x\r\n{UPGRADE.replace('jmap', 'none')}\r\n".encode())
            raw(server, f"GET https://{TICKET}@localhost{path}?{query} HTTP/1.0\r\n\r\n".encode())
            raw(server, f"GET ftp://{TICKET}@localhost{path}?{query} HTTP/1.0\r\n\r\n".encode())
            raw(server, f"GET {path}?{query} {TOKEN} HTTP/1.1\r\n\r\n".encode())
    opened = server.socket()
    opened.request(ECHO)
    server.jmapctl("account", "passwd", USER, "--password-stdin", input=WRONG)
    assert server.stop()
    log = "".join(server.log)
    assert log.count("/jmap/session") >= len(fields) + len(queries)
    secrets = [PASSWORD, WRONG, TICKET, TOKEN, *queries, *(field.partition(" ")[2] for field in fields)]
    secrets += [quote(secret) for secret in secrets]
    assert [secret for secret in secrets if secret in log] == []
    assert "?" not in "".join(line for line in server.log if "GET" in line)
    assert "Traceback" not in log
    assert "Unhandled" not in log


def test_text_lines_and_a_level_that_leaves_them_out(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    server.add_account()
    account_of(server)
    assert server.stop()
    line = r"^\S+ \[access\] 127\.0\.0\.1 anna@localhost GET /jmap/session HTTP/1\.1 200 \d+ [\d.]+ms$"
    assert re.search(line, "".join(server.log), re.MULTILINE)
    server.more = "[log]\naccess = false\n"
    server._configure(int(server.url.rpartition(":")[2]))
    server.log.clear()
    server.start()
    account_of(server)
    assert server.stop()
    assert "/jmap/session" not in "".join(server.log)


def test_one_line_at_the_start_says_what_runs(server: Server) -> None:
    (line,) = [one for one in server.log if f"jmapd {__version__}; " in one]
    port = server.url.rpartition(":")[2]
    assert f"listeners: https at 127.0.0.1:{port}; store: sqlite in {server.data_dir}; " in line
    assert re.search(r"; workers: 1 writes, \d+ read; NVX: in use; ", line)
    assert 'jmap.web-sockets.timeout = "10m"' in line
    # what is said, and is the default, is not there
    assert "throttle" not in line


def test_twistds_logfile_keeps_its_meaning(tmp_path: Path) -> None:
    configuration, file = tmp_path / "jmapd.toml", tmp_path / "jmapd.log"
    configuration.write_text(
        f'[server]\ndata-dir = "{tmp_path}/data"\n[log]\nformat = "json"\n'
        '[server.listener.a]\nendpoint = "tcp:0:interface=127.0.0.1"\n'
    )
    command = [str(BIN / "twistd"), "--nodaemon", "--pidfile=", f"--logfile={file}", "jmapd", "-c", str(configuration)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        control = tmp_path / "data" / "control"
        while not file.exists() or "jmapd is ready" not in file.read_text():
            assert process.poll() is None
        assert control.exists()
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.read() == b""
    said = [json.loads(line) for line in file.read_text().splitlines()]
    assert said[0]["message"].startswith("twistd ")
    assert {one["level"] for one in said} == {"info"}


def test_an_observing_port_that_is_taken_is_one_line_and_status_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        server = Server(tmp_path, more=f'[observe]\nendpoint = "{endpoint}"\n')
        said = start_in_vain(server.configuration)
    assert said.returncode == 1
    assert f"jmapd: observe: {endpoint}: " in said.stderr
    assert "Traceback" not in said.stdout + said.stderr
