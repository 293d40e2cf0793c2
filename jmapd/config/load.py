"""From a file and the environment to `Settings`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from jmapd.config import checks, table
from jmapd.config.mistakes import ConfigurationError
from jmapd.config.reading import Values, read_file
from jmapd.config.settings import (
    TLS,
    Auth,
    Listener,
    Log,
    Observe,
    Push,
    Server,
    Settings,
    Storage,
    Upload,
    WebSockets,
    Workers,
)
from jmapd.protocol.limits import Limits
from jmapd.web.bounds import Bounds, SocketBounds
from jmapd.web.deflate import Compression

_STATE_DIRECTORY = "STATE_DIRECTORY"


def load(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read the configuration.

    :param path: of the TOML file; ``None`` for the built-in defaults.
    :param environment: where $STATE_DIRECTORY may be.
    :raises ConfigurationError: with a line for each mistake in it.
    """
    values = read_file(path)
    _check(values)
    return _settings(values, _data_dir(values["server.data-dir"], environment))


def load_again(path: Path | None, running: Settings) -> Settings:
    """Read the configuration of a server that runs.

    :returns: what is in force after a reload; what takes a restart is as it was, and named in ``values.pending``.
    :raises ConfigurationError: with a line for each mistake in it.
    """
    values = read_file(path)
    _check(values)
    values = values.after_reload(running.values)
    # what is right by itself may be wrong together with what stays
    _check(values)
    return _settings(values, running.server.data_dir)


def names_data_dir(settings: Settings, environment: Mapping[str, str]) -> bool:
    """Whether the data directory was named: else it is the one of the folder that the command was given in."""
    return bool(_named(settings.values["server.data-dir"], environment))


def _check(values: Values) -> None:
    wrong = {mistake.key for mistake in values.mistakes}
    found = [
        *values.mistakes,
        *(one for one in checks.mistakes(values) if wrong.isdisjoint((one.key, *one.beside))),
    ]
    if found:
        raise ConfigurationError([mistake.line(values.file) for mistake in found])


def _settings(values: Values, data_dir: Path) -> Settings:
    server = _server(values, data_dir)
    return Settings(
        server=server,
        observe=Observe(values["observe.endpoint"], values["observe.public"]),
        log=Log(values["log.level"], values["log.format"] == "json", values["log.access"]),
        storage=Storage(values["storage.url"] or f"sqlite:///{server.data_dir / 'jmapd.sqlite'}"),
        workers=Workers(
            values["workers.count"],
            values["workers.memory"],
            values["workers.soft-deadline"],
            values["workers.hard-deadline"],
        ),
        auth=Auth(values["auth.penalty"], values["auth.penalty-exempt"]),
        web_sockets=_web_sockets(values),
        push=Push(
            values["jmap.push.max-total"],
            values["jmap.push.throttle"],
            values["jmap.push.timeout"],
            values["jmap.push.allowed-networks"],
        ),
        limits=_limits(values),
        upload=Upload(
            values["jmap.protocol.upload.ttl"],
            values["jmap.protocol.upload.quota-files"],
            values["jmap.protocol.upload.quota-size"],
        ),
        keep_changes=values["jmap.changes.keep"],
        values=values,
    )


def _server(values: Values, data_dir: Path) -> Server:
    listeners = {
        name: Listener(
            values.read[(*table.LISTENERS, name, "endpoint")],
            values.read[(*table.LISTENERS, name, "tls")],
        )
        for name in values.listeners
    }
    return Server(
        hostname=values["server.hostname"],
        url=values["server.url"],
        data_dir=data_dir,
        listeners=listeners,
        tls=TLS(values["server.tls.certificate"], values["server.tls.private-key"]),
        http2=values["server.http2"],
        bounds=_bounds(values),
        allowed_origins=values["server.allowed-origins"],
        trusted_proxies=values["server.trusted-proxies"],
    )


def _data_dir(said: str, environment: Mapping[str, str]) -> Path:
    return Path(_named(said, environment) or "var").absolute()


def _named(said: str, environment: Mapping[str, str]) -> str:
    # systemd gives several directories with colons between; the first is the unit's own
    return said or environment.get(_STATE_DIRECTORY, "").split(":")[0]


def _web_sockets(values: Values) -> WebSockets:
    def said(name: str) -> Any:
        return values[f"jmap.web-sockets.{name}"]

    return WebSockets(
        said("throttle"),
        said("timeout"),
        said("heartbeat"),
        said("ticket-address"),
        said("credentials-in-url"),
        Compression(
            takeover=said("compression-takeover"),
            window_bits=said("compression-window-bits"),
            min_size=said("compression-min-size"),
            max_size=said("compression-max-size"),
        )
        if said("compression")
        else None,
        SocketBounds(
            values["jmap.protocol.request.max-size"],
            said("max-frames"),
            said("max-control-frames"),
            said("max-unsent"),
            said("stall-timeout"),
        ),
    )


def _bounds(values: Values) -> Bounds:
    names = {field.name: field.name.replace("_", "-") for field in attrs.fields(Bounds)}
    return Bounds(**{field: values[f"server.bounds.{name}"] for field, name in names.items()})


def _limits(values: Values) -> Limits:
    return Limits(
        max_size_upload=values["jmap.protocol.upload.max-size"],
        max_concurrent_upload=values["jmap.protocol.upload.max-concurrent"],
        max_size_request=values["jmap.protocol.request.max-size"],
        max_concurrent_requests=values["jmap.protocol.request.max-concurrent"],
        max_calls_in_request=values["jmap.protocol.request.max-calls"],
        max_objects_in_get=values["jmap.protocol.get.max-objects"],
        max_objects_in_set=values["jmap.protocol.set.max-objects"],
        max_results=values["jmap.protocol.query.max-results"],
        max_changes=values["jmap.protocol.changes.max-results"],
    )
