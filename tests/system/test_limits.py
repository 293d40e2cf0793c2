"""The limits of the Session over real sockets, at the limit and one octet above."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.system.server import Server

MAX_SIZE_REQUEST = 10_000_000
URN = "urn:ietf:params:jmap:error:limit"


def echo_of_size(size: int, envelope: str = "") -> str:
    start = "{" + envelope + '"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{"a":"'
    end = '"},"0"]]}'
    return start + "x" * (size - len(start) - len(end)) + end


def test_rfc8620_2_max_size_request_over_http(server: Server) -> None:
    client = server.http()
    headers = {"Content-Type": "application/json"}
    fitting = client.post(f"{server.url}/jmap/api/", data=echo_of_size(MAX_SIZE_REQUEST), headers=headers)
    assert fitting.status_code == 200
    assert len(fitting.json()["methodResponses"][0][1]["a"]) > MAX_SIZE_REQUEST - 200
    refused = client.post(f"{server.url}/jmap/api/", data=echo_of_size(MAX_SIZE_REQUEST + 1), headers=headers)
    assert refused.status_code == 400
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (refused.json()["type"], refused.json()["limit"]) == (URN, "maxSizeRequest")


@pytest.mark.parametrize("fragments", [1, 7])
def test_rfc8887_4_3_4_max_size_request_over_the_websocket(server: Server, fragments: int) -> None:
    socket = server.socket()
    envelope = '"@type":"Request","id":"big",'

    def send(size: int) -> None:
        text = echo_of_size(size, envelope)
        step = -(-len(text) // fragments)
        socket.connection.send(text if fragments == 1 else [text[at : at + step] for at in range(0, len(text), step)])

    send(MAX_SIZE_REQUEST)
    answer = socket.receive(60)
    assert answer["requestId"] == "big"
    assert len(answer["methodResponses"][0][1]["a"]) > MAX_SIZE_REQUEST - 200
    send(MAX_SIZE_REQUEST + 1)
    refused = socket.receive(60)
    assert (refused["@type"], refused["type"], refused["limit"]) == ("RequestError", URN, "maxSizeRequest")
    assert refused["requestId"] is None
    with pytest.raises(ConnectionClosed) as closed:
        socket.receive(20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_rfc8620_6_1_max_size_upload_and_what_was_uploaded_comes_back(tmp_path: Any) -> None:
    server = Server(tmp_path, more="[jmap.protocol.upload]\nmax-size = 3000000\nquota-size = 9000000\n")
    server.start()
    server.add_account()
    client = server.http()
    account = next(iter(client.get(f"{server.url}/jmap/session").json()["accounts"]))
    data = bytes(range(256)) * 11719
    made = client.post(f"{server.url}/jmap/upload/{account}/", data=data[:3_000_000])
    assert made.status_code == 201
    blob = made.json()["blobId"]
    got = client.get(f"{server.url}/jmap/download/{account}/{blob}/x.bin?type=application/x-bin")
    assert got.content == data[:3_000_000]
    assert got.headers["Content-Type"] == "application/x-bin"
    refused = client.post(f"{server.url}/jmap/upload/{account}/", data=data + b"x")
    assert refused.status_code == 413
    assert (refused.json()["type"], refused.json()["limit"]) == (URN, "maxSizeUpload")
    assert server.stop()


def test_rfc8620_2_many_requests_at_once_are_all_answered(server: Server) -> None:
    socket = server.socket()
    for number in range(200):
        socket.send(
            {
                "@type": "Request",
                "id": str(number),
                "using": ["urn:ietf:params:jmap:core"],
                "methodCalls": [["Core/echo", {"n": number}, "0"]],
            }
        )
    answers = {}
    for _ in range(200):
        message = socket.receive()
        answers[message["requestId"]] = message["methodResponses"][0][1]["n"]
    assert answers == {str(number): number for number in range(200)}


@pytest.mark.parametrize("element", ["0", "{}", '""', "[]", "1e9", "-9007199254740991"])
def test_a_request_of_many_small_values_has_room_in_a_workers_memory(server: Server, element: str) -> None:
    """The size that a Request may have, in what takes the most memory to parse and to write."""
    start, end = '{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{"a":[', ']},"0"]]}'
    count = (MAX_SIZE_REQUEST - len(start) - len(end)) // (len(element) + 1)
    text = start + ",".join([element] * count) + end
    answer = server.http().post(f"{server.url}/jmap/api/", data=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert len(answer.json()["methodResponses"][0][1]["a"]) == count
