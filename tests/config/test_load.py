"""The configuration file: what is read, and the line that each mistake gets."""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from jmapd.config import ConfigurationError, Listener, WebSockets, load, load_again, table
from jmapd.config.mistakes import shown
from jmapd.ctl import manuals
from jmapd.protocol.limits import Limits
from jmapd.web.bounds import Bounds

SHIPPED = Path(__file__).parents[2] / "etc" / "jmapd.toml"

Lines = Callable[[str], list[str]]


@pytest.fixture
def lines(tmp_path: Path) -> Lines:
    """The lines that a file's text gets, without the file's name in front."""

    def of(text: str) -> list[str]:
        path = tmp_path / "jmapd.toml"
        path.write_text(text)
        with pytest.raises(ConfigurationError) as raised:
            load(path, {})
        assert all(line.startswith(f"{path}: ") for line in raised.value.lines)
        return [line.removeprefix(f"{path}: ") for line in raised.value.lines]

    return of


def write_pair(folder: Path, password: bytes | None = None) -> tuple[Path, Path]:
    """A self-signed certificate and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return paths


def tls(certificate: object, key: object) -> str:
    return f'[server.tls]\ncertificate = "{certificate}"\nprivate-key = "{key}"\n'


def test_defaults() -> None:
    settings = load(None, {})
    assert settings.limits == Limits()
    assert settings.server.bounds == Bounds()
    assert settings.server.listeners == {"https": Listener("tcp:8443:interface=127.0.0.1", tls=True)}
    assert settings.server.data_dir == Path.cwd() / "var"
    assert settings.storage.url == f"sqlite:///{Path.cwd()}/var/jmapd.sqlite"
    assert settings.web_sockets == WebSockets(throttle=1, timeout=10, heartbeat=5)
    assert settings.workers.memory == 512 * 1024 * 1024


def test_the_shipped_file_equals_the_defaults_but_for_web_sockets() -> None:
    shipped, defaults = load(SHIPPED, {}), load(None, {})
    assert attrs.evolve(shipped, web_sockets=defaults.web_sockets) == defaults
    assert shipped.web_sockets == WebSockets(throttle=1, timeout=600, heartbeat=60)


TRANSPORT = {(*table.WEB_SOCKETS, name) for name in ("throttle", "timeout", "heartbeat")}


def test_the_shipped_file_names_every_setting() -> None:
    document = tomllib.loads(SHIPPED.read_text())
    for setting in table.SETTINGS:
        value = document
        for part in setting.key:
            value = value["https" if part == table.ANY else part]
        if setting.default is not table.REQUIRED and setting.key not in TRANSPORT:
            assert setting.kind.read(value) == setting.kind.read(setting.default)


def test_the_shipped_file_marks_what_takes_a_restart() -> None:
    lines = re.findall(r"^(?:\[(.+?)\]|([\w-]+) = .+?# ?(\(restart\))?)", SHIPPED.read_text(), re.MULTILINE)
    above, marked = "", set()
    for section, name, mark in lines:
        above = section or above
        if mark:
            marked.add(f"{above}.{name}".replace("listener.https", "listener.*"))
    assert marked == {".".join(setting.key) for setting in table.SETTINGS if setting.restart}


def test_every_setting_is_documented() -> None:
    assert all(setting.doc and setting.kind.allowed for setting in table.SETTINGS)


def test_state_directory(tmp_path: Path) -> None:
    assert load(None, {"STATE_DIRECTORY": "/var/lib/jmapd:/var/lib/other"}).server.data_dir == Path("/var/lib/jmapd")
    path = tmp_path / "jmapd.toml"
    path.write_text('[server]\ndata-dir = "/srv/mail"\n')
    settings = load(path, {"STATE_DIRECTORY": "/var/lib/jmapd"})
    assert settings.server.data_dir == Path("/srv/mail")
    assert settings.storage.url == "sqlite:////srv/mail/jmapd.sqlite"


def test_several_listeners_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "jmapd.toml"
    path.write_text(
        '[server.listener.plain]\nendpoint = "tcp:8080:interface=127.0.0.1"\ntls = false\n'
        '[server.listener."a.b"]\nendpoint = "tcp:8443:interface=127.0.0.1"\n'
    )
    assert load(path, {}).server.listeners == {
        "plain": Listener("tcp:8080:interface=127.0.0.1", tls=False),
        "a.b": Listener("tcp:8443:interface=127.0.0.1", tls=True),
    }


def test_web_socket_is_another_name(tmp_path: Path) -> None:
    path = tmp_path / "jmapd.toml"
    path.write_text('[jmap.web-socket]\ntimeout = "7m"\n[jmap.web-sockets]\nheartbeat = 0\n')
    assert load(path, {}).web_sockets == WebSockets(throttle=1, timeout=420, heartbeat=0)


def test_the_digest_tells_what_clients_see(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        (tmp_path / "jmapd.toml").write_text(text)
        return load(tmp_path / "jmapd.toml", {}).digest()

    assert digest("") == load(None, {}).digest() == digest("[workers]\ncount = 5\n")
    assert digest("[jmap.protocol.get]\nmax-objects = 499\n") != digest("")
    assert digest('[server]\nurl = "https://mail.example.org"\n') != digest("")


def test_all_mistakes_of_a_file_at_once(lines: Lines) -> None:
    said = lines(
        '[server]\nhostname = "a b"\nport = 5\n[workers]\ncount = 1\nmemory = true\n'
        '[jmap.protocol.request]\nmax-calls = "many"\n[jmap.web-sockets]\nthrotle = "1s"\n'
    )
    assert [line.partition(":")[0] for line in said] == [
        'server.hostname = "a b"',
        "server.port = 5",
        "workers.count = 1",
        "workers.memory = true",
        'jmap.protocol.request.max-calls = "many"',
        'jmap.web-sockets.throtle = "1s"',
    ]
    assert said[2].endswith("must be a whole number from 2 to 1024, or 0 for one per core, at least 2")
    assert "did you mean throttle? [jmap.web-sockets] has throttle, timeout, heartbeat, compression, " in said[5]


def test_each_wrong_item_of_a_list_has_its_line(lines: Lines) -> None:
    said = lines(
        '[server]\nallowed-origins = ["https://a.example", "b.example", "https://c.example/"]\n'
        'trusted-proxies = "10.0.0.1"\n'
    )
    assert [line.partition(": ")[0] for line in said] == [
        'server.allowed-origins = "b.example"',
        'server.allowed-origins = "https://c.example/"',
        'server.trusted-proxies = "10.0.0.1"',
    ]
    assert said[0].endswith('must be a list of origins such as ["https://webmail.example.org"], or "*" for all')


def test_unknown_tables(lines: Lines) -> None:
    assert lines("[serve]\nx = 1\n") == [
        (
            "serve.x = 1: is no setting; did you mean server? "
            "the file has server, observe, log, storage, workers, auth, jmap"
        )
    ]
    assert lines("server = 5\n") == ["server = 5: must be a table, [server]"]
    assert (
        lines("[server.listener]\nhttps = 5\n")[0]
        == "server.listener.https = 5: must be a table, [server.listener.https]"
    )
    assert "is no setting" in lines("[server.hostname]\nx = 1\n")[0]
    assert "is no setting" in lines("[jmap.imap]\n")[0]


def test_a_listener_without_endpoint(lines: Lines) -> None:
    assert lines("[server.listener.a]\ntls = true\n") == [
        'server.listener.a.endpoint: must be there, such as "tcp:8443:interface=127.0.0.1"'
    ]
    assert len(lines("[server.listener.a]\n")) == 1


@pytest.mark.parametrize("endpoint", ["tcp:x", "8443", "nothing:1"])
def test_an_invalid_endpoint(lines: Lines, endpoint: str) -> None:
    said = lines(f'[server.listener.a]\nendpoint = "{endpoint}"\n')
    assert len(said) == 1
    assert said[0].startswith(f'server.listener.a.endpoint = "{endpoint}": must be a Twisted server endpoint')


def test_the_timeout_is_longer_than_the_heartbeat(lines: Lines) -> None:
    assert lines('[jmap.web-sockets]\nheartbeat = "1m"\n') == [
        'jmap.web-sockets.timeout = "10s": which is the default, must be longer than heartbeat = "1m"'
    ]
    assert lines('[jmap.web-sockets]\ntimeout = "5s"\n') == [
        'jmap.web-sockets.timeout = "5s": must be longer than heartbeat = "5s" (the default)'
    ]
    assert lines("[jmap.web-socket]\ntimeout = 3\nheartbeat = 4\n") == [
        "jmap.web-sockets.timeout = 3: must be longer than heartbeat = 4"
    ]


def test_a_wrong_heartbeat_is_one_line(lines: Lines) -> None:
    assert len(lines('[jmap.web-sockets]\nheartbeat = "often"\ntimeout = "1s"\n')) == 1


def test_the_same_setting_by_both_names(lines: Lines) -> None:
    assert "is there twice" in lines('[jmap.web-socket]\ntimeout = "7m"\n[jmap.web-sockets]\ntimeout = "8m"\n')[0]


def test_deadlines_and_quota(lines: Lines) -> None:
    assert lines("[workers]\nsoft-deadline = 60\n") == [
        'workers.hard-deadline = "30s": which is the default, must be longer than soft-deadline = 60'
    ]
    assert lines('[jmap.protocol.upload]\nmax-size = "80MB"\n') == [
        'jmap.protocol.upload.quota-size = 50000000: which is the default, must not be less than max-size = "80MB"'
    ]


def test_rfc8620_1_7_tls_false_is_for_loopback(lines: Lines, tmp_path: Path) -> None:
    said = lines('[server.listener.a]\nendpoint = "tcp:8080"\ntls = false\n')
    assert len(said) == 1
    assert said[0].startswith("server.listener.a.tls = false: must be true")


def test_the_observing_door_is_for_loopback_unless_it_is_public(lines: Lines, tmp_path: Path) -> None:
    said = lines('[observe]\nendpoint = "tcp:9090"\n')
    assert len(said) == 1
    assert said[0].startswith("observe.public = false: must be true")
    assert len(lines('[observe]\nendpoint = "9090"\n')) == 1
    path = tmp_path / "jmapd.toml"
    for endpoint, public in (("tcp:9090", "true"), ("unix:/run/x", "false"), ("tcp:0:interface=127.0.0.1", "false")):
        path.write_text(f'[observe]\nendpoint = "{endpoint}"\npublic = {public}\n')
        assert load(path, {}).observe.endpoint == endpoint


def test_bounds_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "jmapd.toml"
    path.write_text('[server.bounds]\nbody-rate = "2KiB"\nmax-header-fields = 50\nidle-timeout = "1m"\n')
    assert load(path, {}).server.bounds == Bounds(body_rate=2048, max_header_fields=50, idle_timeout=60)


def test_how_to_log(lines: Lines) -> None:
    assert lines('[log]\nformat = "xml"\nlevel = 5\n') == [
        'log.format = "xml": must be "text" or "json"',
        'log.level = 5: must be "debug", "info", "warn", "error" or "critical"',
    ]


def test_no_certificate_away_from_loopback(lines: Lines) -> None:
    said = lines('[server.listener.a]\nendpoint = "tcp:443"\n')
    assert len(said) == 1
    assert said[0].startswith('server.tls.certificate = "": must name a PEM file: the listener a at "tcp:443"')


@pytest.mark.parametrize("endpoint", ["unix:/run/jmapd.sock", "systemd:domain=INET:name=http"])
def test_a_url_is_needed_where_no_port_is_known(lines: Lines, endpoint: str) -> None:
    said = lines(f'[server.listener.a]\nendpoint = "{endpoint}"\ntls = false\n')
    assert len(said) == 1
    assert said[0].startswith('server.url = "": must be an http: or https: URL')


def test_certificate_and_key(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path)
    path = tmp_path / "jmapd.toml"
    path.write_text('[server.listener.a]\nendpoint = "tcp:443"\n' + tls(certificate, key))
    assert load(path, {}).server.tls.certificate == str(certificate)


def test_certificate_files_that_cannot_be_used(lines: Lines, tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path / "one")
    _, other = write_pair(tmp_path / "two")
    _, locked = write_pair(tmp_path / "three", b"secret")
    nowhere = tmp_path / "nowhere.pem"
    assert lines(tls(certificate, nowhere)) == [
        f"server.tls.private-key = {shown(str(nowhere))}: must be a readable file: No such file or directory"
    ]
    assert lines(tls(tmp_path, key))[0].endswith("must be a readable file: Is a directory")
    assert lines(tls(key, key))[0].endswith("must hold an X.509 certificate in PEM")
    assert lines(tls(certificate, locked))[0].endswith("must hold an unencrypted private key in PEM")
    assert lines(tls(certificate, other)) == [
        f"server.tls.private-key = {shown(str(other))}: is not the key of the certificate in {certificate}"
    ]
    assert lines(tls(certificate, "")) == [
        'server.tls.private-key = "": must name the PEM file of the certificate\'s key'
    ]
    assert len(lines(tls("", key))) == 1
    assert len(lines(tls(nowhere, nowhere))) == 2


def test_other_engines_wait(lines: Lines) -> None:
    said = lines('[storage]\nurl = "postgresql://jmapd:secret@localhost/jmapd"\n')
    assert "only SQLite is supported for now" in said[0]
    assert "secret" not in said[0]


def test_no_file_and_no_toml(lines: Lines, tmp_path: Path) -> None:
    assert "is no TOML" in lines("[server\n")[0]
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path / "nowhere.toml", {})
    assert raised.value.lines == [f"{tmp_path / 'nowhere.toml'}: cannot be read: No such file or directory"]


def test_what_is_not_at_its_default_is_named_as_the_file_has_it(tmp_path: Path) -> None:
    path = tmp_path / "jmapd.toml"
    path.write_text(
        '[server]\nhostname = "localhost"\n[jmap.web-socket]\nthrottle = "1000ms"\nheartbeat = "1m"\ntimeout = 600\n'
        '[server.listener.web]\nendpoint = "tcp:443"\n[server.tls]\ncertificate = "c.pem"\nprivate-key = "k.pem"\n'
    )
    certificate, key = write_pair(tmp_path)
    path.write_text(path.read_text().replace("c.pem", str(certificate)).replace("k.pem", str(key)))
    assert load(path, {}).values.changed == (
        'jmap.web-sockets.heartbeat = "1m"',
        "jmap.web-sockets.timeout = 600",
        'server.listener.web.endpoint = "tcp:443"',
        f"server.tls.certificate = {shown(str(certificate))}",
        f"server.tls.private-key = {shown(str(key))}",
    )
    assert load(None, {}).values.changed == ()


RUNNING = """
[server]
hostname = "one.example"
[server.listener.web]
endpoint = "tcp:443:interface=127.0.0.1"
[jmap.protocol.get]
max-objects = 100
"""


def test_a_reload_applies_all_but_what_takes_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "jmapd.toml"
    path.write_text(RUNNING)
    running = load(path, {"STATE_DIRECTORY": str(tmp_path)})
    path.write_text(
        """
        [server]
        hostname = "other.example"
        http2 = false
        [server.listener.more]
        endpoint = "tcp:444:interface=127.0.0.1"
        [log]
        level = "warn"
        """
    )
    again = load_again(path, running)
    assert set(again.values.pending) == {
        ("server", "hostname"),
        *(("server", "listener", name, key) for name in ("web", "more") for key in ("endpoint", "tls")),
    }
    assert again == attrs.evolve(
        running,
        log=attrs.evolve(running.log, level="warn"),
        server=attrs.evolve(running.server, http2=False),
        limits=Limits(),
    )
    assert set(again.values.differing(running.values)) == {
        ("log", "level"),
        ("server", "http2"),
        ("jmap", "protocol", "get", "max-objects"),
    }
    # a reload after that one still knows what waits, and no more when it is as it was
    assert load_again(path, again).values.pending == again.values.pending
    path.write_text(RUNNING)
    assert load_again(path, again).values.pending == ()
    assert load_again(path, again) == running


def test_a_reload_checks_what_is_new_with_what_stays(tmp_path: Path) -> None:
    path = tmp_path / "jmapd.toml"
    pair = tls(*write_pair(tmp_path))
    path.write_text(f'[server.listener.web]\nendpoint = "tcp:443"\n{pair}')
    running = load(path, {})
    path.write_text('[server.listener.web]\nendpoint = "tcp:443:interface=127.0.0.1"\n')
    assert load(path, {}).server.tls.certificate == ""
    with pytest.raises(ConfigurationError, match="must name a PEM file: the listener web at"):
        load_again(path, running)


@pytest.mark.parametrize("key", ["server.hostname", "storage.url", "observe.endpoint"])
def test_what_takes_a_restart_says_so_where_it_is_described(key: str) -> None:
    setting = table.declared(tuple(key.split(".")))
    assert setting is not None
    assert manuals.allowed(setting).endswith(" Takes a restart.")
    assert not manuals.allowed(table.SETTINGS[-1]).endswith(" Takes a restart.")
