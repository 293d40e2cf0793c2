"""What systemd is told of the server, where it has started it (sd_notify(3)): ready, reloading, stopping, and alive."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

_log = Logger()


MIGRATING = 30.0
"""Seconds of patience that systemd is asked for while the store is migrated, three times within each."""


class Supervisor(Service):
    """Tells a supervisor over its datagram socket; without one it tells nobody.

    The watchdog is fed by the reactor, so a reactor that hangs is found.

    :param clock: an IReactorTime.
    :param environment: of the process. What is meant for this process alone is taken out of it: workers are not to
        speak for it.
    """

    def __init__(self, clock: Any, environment: MutableMapping[str, str]) -> None:
        self._address = _address(environment.pop("NOTIFY_SOCKET", ""))
        every, process = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        is_ours = every.isdigit() and process in ("", str(os.getpid()))
        self._interval = int(every) / 2_000_000 if is_ours and self._address else 0.0
        self._alive = LoopingCall(self._tell, "WATCHDOG=1")
        self._alive.clock = clock
        self._migrating = LoopingCall(self._tell, f"EXTEND_TIMEOUT_USEC={MIGRATING * 1_000_000:.0f}")
        self._migrating.clock = clock

    def startService(self) -> None:
        """Feed the watchdog from now on, twice as often as it asks for."""
        super().startService()
        if self._interval:
            self._alive.start(self._interval)

    def stopService(self) -> None:
        """Feed it no more."""
        super().stopService()
        for call in (self._alive, self._migrating):
            if call.running:
                call.stop()

    def migrating(self, status: str) -> None:
        """It takes longer than usual until everything is ready.

        :param status: one line for `systemctl status`.
        """
        _log.info("jmapd is {status}", status=status)
        self._tell(f"STATUS={status}")
        if not self._migrating.running:
            self._migrating.start(MIGRATING / 3)

    def ready(self, status: str) -> None:
        """Every listener listens, or what changed is in force.

        :param status: one line for `systemctl status`.
        """
        if self._migrating.running:
            self._migrating.stop()
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """The configuration is being read again; `ready` follows."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={microseconds}\nSTATUS=reloading")

    def stopping(self) -> None:
        """The server ends."""
        self._tell("STOPPING=1\nSTATUS=stopping")

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as datagrams:
            try:
                datagrams.sendto(message.encode(), self._address)
            except OSError as error:
                _log.warn("systemd cannot be told {message!r}: {error}", message=message, error=error)


def _address(name: str) -> str:
    """The address of a socket, which is abstract where its name begins with an at sign."""
    return f"\0{name[1:]}" if name.startswith("@") else name
