"""Event streams of a whole server (RFC 8620 section 7.3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import requests

from tests.system.server import Server

HEADERS = {"Content-Type": "message/rfc822"}


def events(answer: requests.Response) -> Iterator[dict[str, str]]:
    """The events of a stream, as they come, and the comments, which have no fields."""
    fields: dict[str, str] = {}
    for line in map(bytes.decode, answer.iter_lines(chunk_size=1)):
        if line:
            name, _, value = line.partition(": ")
            fields |= {name: value} if value else {}
        else:
            yield fields
            fields = {}


def test_rfc8620_7_3_the_sessions_template_gives_a_stream_that_tells_of_changes(tmp_path: Path) -> None:
    server = Server(tmp_path, throttle="0")
    server.start()
    server.add_account()
    client = server.http()
    session = client.get(f"{server.url}/jmap/session").json()
    url = session["eventSourceUrl"].format(types="*", closeafter="no", ping="300")
    stream = server.http().get(url, stream=True, timeout=60)
    told = events(stream)
    assert next(told) == {}
    account = session["primaryAccounts"]["urn:ietf:params:jmap:mail"]
    create: dict[str, Any] = {"accountId": account, "create": {"k": {"name": "new"}}}
    request = {"using": list(session["capabilities"])[:2], "methodCalls": [["Mailbox/set", create, "0"]]}
    ((_, said, _),) = client.post(session["apiUrl"], json=request).json()["methodResponses"]
    assert said["created"], said
    event = next(told)
    assert orjson.loads(event["data"])["changed"][account]["Mailbox"] == said["newState"]
    # a client that was away hears of what it has missed
    stream.close()
    create["create"]["k"]["name"] = "newer"
    client.post(session["apiUrl"], json=request)
    stream = server.http().get(url, stream=True, timeout=60, headers={"Last-Event-ID": event["id"]})
    told = events(stream)
    assert [next(told).get("event") for _ in range(2)] == [None, "state"]
    # the server's end ends the stream as a whole answer
    assert server.stop()
    assert list(told) == []
