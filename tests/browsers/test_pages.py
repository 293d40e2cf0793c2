"""A real browser as a JMAP client: a page of the server's own, one of another origin, and what each may."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import pytest

from tests.browsers.chromium import Page
from tests.system.server import PASSWORD, USER, Server

Open = Callable[[str], Page]

AUTHORIZATION = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
CORE, MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"
TICKET = "com:linagora:params:jmap:ws:ticket"

FETCH = """async (url, method, authorization) => {
    const response = await fetch(url, {method, headers: authorization ? {Authorization: authorization} : {}});
    return [response.status, await response.text(), response.headers.get("WWW-Authenticate")];
}"""

# the socket stays with the page, and keeps what comes for those who wait
OPEN = """(url, protocol) => new Promise((resolve) => {
    const socket = window.socket = new WebSocket(url, protocol);
    const messages = [], waiting = [];
    socket.onmessage = (event) => waiting.length ? waiting.shift()(event.data) : messages.push(event.data);
    window.next = () => new Promise((got) => messages.length ? got(messages.shift()) : waiting.push(got));
    socket.onopen = () => resolve(`open: ${socket.protocol}`);
    socket.onerror = () => resolve("error");
})"""

NEXT = "async () => JSON.parse(await window.next())"
SEND = "(message) => window.socket.send(JSON.stringify(message))"

# as a web client does: the Session, a ticket from where it says, the socket that it names
CONNECT = f"""async (server, authorization) => {{
    const headers = {{Authorization: authorization}};
    const session = await (await fetch(server + "/.well-known/jmap", {{headers}})).json();
    const tickets = session.capabilities["{TICKET}"].generationEndpoint;
    const ticket = await (await fetch(tickets, {{method: "POST", headers}})).json();
    const socket = session.capabilities["urn:ietf:params:jmap:websocket"].url;
    return await ({OPEN})(socket + "?ticket=" + encodeURIComponent(ticket.value), "jmap");
}}"""


def is_a_client(page: Page, server: Server) -> None:
    """The page opens a socket, is answered, and hears what another client does."""
    assert page.run(CONNECT, server.url, AUTHORIZATION) == "open: jmap"
    call = ["Core/echo", {"hällo": True}, "0"]
    page.run(SEND, {"@type": "Request", "id": "R1", "using": [CORE], "methodCalls": [call]})
    response = page.run(NEXT)
    assert (response["@type"], response["requestId"], response["methodResponses"]) == ("Response", "R1", [call])

    page.run(SEND, {"@type": "WebSocketPushEnable", "dataTypes": ["Mailbox"]})
    # an answer to what was sent after it: the pushes are on
    page.run(SEND, {"@type": "Request", "id": "R2", "using": [CORE], "methodCalls": [call]})
    assert page.run(NEXT)["requestId"] == "R2"
    other = server.socket()
    account = next(iter(server.http().get(f"{server.url}/jmap/session").json()["accounts"]))
    other.request(("Mailbox/set", {"accountId": account, "create": {"a": {"name": "Pläne"}}}, "0"))
    other.close()
    pushed = page.run(NEXT)
    assert pushed["@type"] == "StateChange"
    assert list(pushed["changed"][account]) == ["Mailbox"]


def test_the_servers_own_page_is_a_client(server: Server, open_page: Open, protocol: str) -> None:
    page = open_page(f"{server.url}/")
    assert page.protocol == protocol
    is_a_client(page, server)
    # RFC 8441 has no switching of protocols
    assert page.handshakes() == [101 if protocol == "http/1.1" else 200]


def test_a_page_that_is_allowed_is_a_client(allowing: Server, foreign: str, open_page: Open) -> None:
    is_a_client(open_page(foreign), allowing)


def test_a_ticket_opens_one_socket(server: Server, open_page: Open) -> None:
    page = open_page(f"{server.url}/")
    ticket = server.http().post(f"{server.url}/jmap/ws/ticket").json()["value"]
    for path, opened in (("/", "open: jmap"), ("/", "error"), ("/jmap/ws", "error"), ("/.well-known/jmap", "error")):
        assert page.run(OPEN, f"wss{server.url.removeprefix('https')}{path}?ticket={ticket}", "jmap") == opened


def test_rfc8307_a_page_opens_the_well_known_path(server: Server, open_page: Open) -> None:
    page = open_page(f"{server.url}/")
    ticket = server.http().post(f"{server.url}/jmap/ws/ticket").json()["value"]
    url = f"wss{server.url.removeprefix('https')}/.well-known/jmap?ticket={ticket}"
    assert page.run(OPEN, url, "jmap") == "open: jmap"


def test_a_foreign_page_is_refused(server: Server, foreign: str, open_page: Open) -> None:
    page = open_page(foreign)
    ticket = server.http().post(f"{server.url}/jmap/ws/ticket").json()["value"]
    socket = f"wss{server.url.removeprefix('https')}/jmap/ws?ticket={ticket}"
    assert page.run(OPEN, socket, "jmap") == "error"
    for method, path in (("GET", "/.well-known/jmap"), ("POST", "/jmap/ws/ticket"), ("GET", "/nothing")):
        with pytest.raises(AssertionError, match="Failed to fetch"):
            page.run(FETCH, server.url + path, method, AUTHORIZATION)
    # the ticket is as good as before: the page did not get that far
    own = open_page(f"{server.url}/")
    assert own.run(OPEN, socket, "jmap") == "open: jmap"


def test_a_page_that_is_allowed_reads_errors_too(allowing: Server, foreign: str, open_page: Open) -> None:
    page = open_page(foreign)
    status, body, challenge = page.run(FETCH, f"{allowing.url}/jmap/session", "GET", None)
    assert (status, '"status":401' in body) == (401, True)
    assert challenge.startswith("Basic")
    assert page.run(FETCH, f"{allowing.url}/jmap/download/a/b/c", "GET", AUTHORIZATION)[0] == 404


def test_a_browser_remembers_a_preflight(allowing: Server, foreign: str, open_page: Open) -> None:
    page = open_page(foreign)
    url = f"{allowing.url}/jmap/session"
    for _ in range(2):
        assert page.run(FETCH, url, "GET", AUTHORIZATION)[0] == 200
    assert page.preflights() == [url]
