"""Guessing a password: it hinders nobody who is known, nor anybody else."""

from __future__ import annotations

from base64 import b64encode
from itertools import count

import pytest

from tests.attacks.line import Line
from tests.attacks.test_http1 import HOST, statuses
from tests.attacks.witness import CREDENTIALS, DEADLINE, OTHER, Witness, unharmed
from tests.system.server import USER, Server

ELSEWHERE, THIRD = "127.0.0.2", "127.0.0.3"


def guess(user: str, number: int) -> bytes:
    credentials = b64encode(f"{user}:guess {number}".encode())
    return b"GET /jmap/session HTTP/1.1\r\n" + HOST + b"Authorization: Basic " + credentials + b"\r\n\r\n"


def guesses(server: Server, user: str, source: str) -> list[Line]:
    """Many at once, none of which is answered yet."""
    numbers = count()
    lines = [Line(server, source=source) for _ in range(30)]
    for line in lines:
        for _ in range(10):
            line.send(guess(user, next(numbers)))
    return lines


@pytest.mark.parametrize("source", [ELSEWHERE, "127.0.0.1"])
def test_who_is_known_does_not_wait_for_who_guesses(server: Server, source: str) -> None:
    with unharmed(server, credentials=CREDENTIALS) as witness:
        lines = guesses(server, USER, source)
        received = b"".join(line.receive(0.05) for line in lines)
        assert 200 not in statuses(received)
        assert set(statuses(received)) <= {401, 429}
        while len(witness.times) < 20:
            lines[0].receive(0.1)
        # on another connection too
        again = Witness(server, CREDENTIALS)
        assert again.ask() < DEADLINE
        again.close()
        for line in lines:
            line.close()


def test_somebody_else_from_another_address_does_not_wait(server: Server) -> None:
    lines = guesses(server, USER, ELSEWHERE)
    other = Witness(server, OTHER, THIRD)
    # a first password takes its time to be hashed, beside those that are guessed
    assert other.ask() < 2 * DEADLINE
    assert other.ask() < DEADLINE
    other.close()
    for line in lines:
        line.close()
