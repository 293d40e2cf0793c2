"""Where `jmapctl` has a password from: a prompt, standard input, or a file."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import click

from jmapd.auth import token
from jmapd.ctl.opening import Failure


def prompted(address: str, *, twice: bool) -> str:
    """Ask at the terminal.

    :param twice: whether it is typed again, because it is new.
    :raises Failure: where there is no terminal.
    """
    if not sys.stdin.isatty():
        raise Failure(f"There is no terminal to ask for the password of {address}: use --password-stdin.")
    return str(click.prompt(f"Password for {address}", hide_input=True, confirmation_prompt=twice))


def from_stdin() -> str:
    """Standard input's first line."""
    return _first_line(sys.stdin.buffer.readline())


def from_file(path: Path) -> str:
    """A file's first line."""
    return _first_line(path.read_bytes().partition(b"\n")[0])


def checked(password: str) -> str:
    """A password that can be set: one that a client can send (RFC 7617 section 2).

    :raises Failure: where it cannot.
    """
    if not password:
        raise Failure("A password may not be empty.")
    if any(unicodedata.category(letter) == "Cc" for letter in password):
        raise Failure("A password may have no control characters: HTTP Basic cannot carry them.")
    if token.is_token(password):
        raise Failure("A password may not look like a token.")
    return password


def _first_line(line: bytes) -> str:
    try:
        return line.rstrip(b"\r\n").decode()
    except UnicodeDecodeError:
        raise Failure("The password is not UTF-8.") from None
