"""A load generator for JMAP over WebSocket; README.md says what it measures."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import attrs

from bench import attacks, own
from bench.carriage import Route, Trust
from bench.client import Server
from bench.closed_loop import measure, seed
from bench.echo import compare, contenders
from bench.posts import posts
from bench.pushes import fan_out, idle
from bench.workloads import WORKLOADS

OWN_EMAILS = 500
NEED_EMAILS = ("run", "suite", "fan-out")

SUITE_SHAPES = ((1, 1), (4, 8))


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="https://localhost:8443")
    parser.add_argument("--user", action="append", default=[], help="more than once: share the idle connections")
    parser.add_argument("--password", default=os.environ.get("JMAP_PASSWORD", ""), help="or JMAP_PASSWORD")
    parser.add_argument("--ca-file", type=Path, default=Path("var/tls/certificate.pem"))
    parser.add_argument("--pid", type=int, default=0, help="the server's process, to read what it uses")
    parser.add_argument("--own", action="store_true", help="start a jmapd for this run, in a folder of its own")
    parser.add_argument("--http2", action="store_true", help="WebSockets on streams of HTTP/2 connections")
    parser.add_argument("--streams", type=int, default=100, help="WebSockets on each HTTP/2 connection")
    parser.add_argument("--compress", action="store_true", help="ask for permessage-deflate")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("seed").add_argument("--count", type=int, default=2000)
    for command in (commands.add_parser("run"), commands.add_parser("suite")):
        command.add_argument("--seconds", type=float, default=5)
    run = commands.choices["run"]
    run.add_argument("workload", choices=WORKLOADS)
    run.add_argument("--connections", type=int, default=1)
    run.add_argument("--in-flight", type=int, default=1)
    fan = commands.add_parser("fan-out")
    fan.add_argument("--subscribers", type=int, default=100)
    fan.add_argument("--changes", type=int, default=5)
    fan.add_argument("--gap", type=float, default=2.5)
    echo = commands.add_parser("echo")
    echo.add_argument("--sockets", type=int, action="append", default=[])
    echo.add_argument("--in-flight", type=int, default=64)
    echo.add_argument("--seconds", type=float, default=3)
    echo.add_argument("--rounds", type=int, default=5)
    idling = commands.add_parser("idle")
    idling.add_argument("--connections", type=int, default=1000)
    idling.add_argument("--changes", type=int, default=3)
    idling.add_argument("--seconds", type=float, default=120)
    posting = commands.add_parser("posts")
    posting.add_argument("--subscriptions", type=int, default=1000)
    posting.add_argument("--changes", type=int, default=5)
    posting.add_argument("--gap", type=float, default=3)
    attacked = commands.add_parser("attacked")
    attacked.add_argument("--attack", choices=attacks.ATTACKS, action="append", default=[])
    attacked.add_argument("--seconds", type=float, default=5)
    attacked.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


@contextmanager
def servers(options: argparse.Namespace) -> Iterator[list[Server]]:
    """The server, as each of the users has it."""
    made = own.jmapd(10 if options.command == "idle" else 1) if options.own else nullcontext(None)
    with made as mine:
        url, ca_file, pid, users = (options.url, options.ca_file, options.pid, options.user) if mine is None else mine
        password = options.password if mine is None else own.PASSWORD
        if not users:
            raise SystemExit("say --user or --own")
        trust = Trust.of(ca_file) if url.startswith("https:") else None
        first = Server(
            url.rstrip("/"), users[0], password, trust, options.http2, options.streams, options.compress, pid
        )
        yield [attrs.evolve(first, user=user) for user in users]


def post(options: argparse.Namespace) -> None:
    """Have a server post to a push service here, which it has to trust from its start on."""
    if not options.own:
        raise SystemExit("say --own: the server must trust this push service")
    with own.pair() as pair:
        for keys in (False, True):
            with servers(options) as [server]:
                asyncio.run(seed(server, OWN_EMAILS))
                asyncio.run(posts(server, pair, options.subscriptions, options.changes, options.gap, keys=keys))


def echoes(server: Server, options: argparse.Namespace) -> None:
    """Compare with the bare echo, which is started beside."""
    if not server.pid:
        raise SystemExit("say --pid or --own: this is about the server's CPU time")
    with own.echo() as (url, ca_file, pid):
        bare = Route(url, trust=Trust.of(ca_file))
        found = contenders(server, bare, pid, options.sockets or [1])
        asyncio.run(compare(found, options.in_flight, options.seconds, options.rounds))


async def run(found: list[Server], options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    server = found[0]
    if options.command == "seed":
        await seed(server, options.count)
    elif options.command == "run":
        await measure(server, options.workload, options.connections, options.in_flight, options.seconds)
    elif options.command == "fan-out":
        await fan_out(server, options.subscribers, options.changes, options.gap)
    elif options.command == "idle":
        await idle(found, options.connections, options.seconds, options.changes)
    elif options.command == "attacked":
        await attacks.attacked(server, options.attack or list(attacks.ATTACKS), options.seconds, options.rounds)
    else:
        for name, (connections, in_flight) in itertools.product(WORKLOADS, SUITE_SHAPES):
            await measure(server, name, connections, in_flight, options.seconds)


def main() -> None:
    """Run the program."""
    options = arguments()
    if options.command == "posts":
        post(options)
        return
    with servers(options) as found:
        if options.own and options.command in NEED_EMAILS:
            asyncio.run(seed(found[0], OWN_EMAILS))
        if options.command == "echo":
            echoes(found[0], options)
        else:
            asyncio.run(run(found, options))


if __name__ == "__main__":
    main()
