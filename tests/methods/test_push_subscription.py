"""PushSubscription/get and /set; what is sent is tried in tests/push and tests/system/test_push.py."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import attrs
import pytest

from jmapd.datatypes.push_subscription import LASTS, MAX_URL
from jmapd.protocol.dates import parse_utc_date, utc_date
from jmapd.protocol.limits import MAX_PUSH_SUBSCRIPTIONS
from jmapd.store import push_subscriptions
from jmapd.store.push_subscriptions import CREATIONS_KEEP
from tests.caller import Caller
from tests.engine import Engine

DAY = 86_400_000
URL = "https://127.0.0.1:1/a?b=c"
"""Where nothing is sent: a server never connects to itself, unless it is told to."""
KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
"""RFC 8291's example."""


def ask(jmap: Caller, name: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    """A call without an accountId; the name and the arguments of its response."""
    ((given, said, _),) = jmap.request((f"PushSubscription/{name}", arguments, "0"))["methodResponses"]
    return given, said


def get(jmap: Caller, **arguments: Any) -> dict[str, Any]:
    given, said = ask(jmap, "get", **arguments)
    assert given == "PushSubscription/get", said
    return said


def set_(jmap: Caller, **arguments: Any) -> dict[str, Any]:
    given, said = ask(jmap, "set", **arguments)
    assert given == "PushSubscription/set", said
    return said


def create(jmap: Caller, **properties: Any) -> dict[str, Any]:
    """What is said of one that was made."""
    said = set_(jmap, create={"k": {"deviceClientId": "device", "url": URL, **properties}})
    assert said["created"], said
    made: dict[str, Any] = said["created"]["k"]
    return made


def refused(jmap: Caller, **properties: Any) -> dict[str, Any]:
    """The error of one that was not made."""
    said = set_(jmap, create={"k": {"deviceClientId": "device", "url": URL, **properties}})
    assert said["created"] is None
    error: dict[str, Any] = said["notCreated"]["k"]
    return error


def code_of(inside: Engine, id: str) -> str:
    """What is posted to the client."""
    now = int(time.time() * 1000)
    number = int(id[1:], 16)
    (one,) = (
        one for one in push_subscriptions.of_user(inside.store.database, inside.user, now) if one.number == number
    )
    return one.code


def from_now(milliseconds: int) -> str:
    return utc_date(int(time.time()) * 1000 + milliseconds)


def left(expires: str) -> int:
    """Milliseconds until then."""
    moment = parse_utc_date(expires)
    assert moment is not None
    return moment - int(time.time() * 1000)


def test_rfc8620_7_2_a_push_subscription_is_made_shown_and_destroyed(jmap: Caller) -> None:
    made = create(jmap, types=["Email"])
    assert made.keys() == {"id", "keys", "expires", "verificationCode"}
    assert (made["keys"], made["verificationCode"]) == (None, None)
    ((one,), not_found) = get(jmap, ids=[made["id"], "p0", "x"]).values()
    assert one == {
        "id": made["id"],
        "deviceClientId": "device",
        "verificationCode": None,
        "expires": made["expires"],
        "types": ["Email"],
    }
    assert not_found == ["x", "p0"]
    said = set_(jmap, destroy=[made["id"], "p0"])
    assert (said["destroyed"], list(said["notDestroyed"])) == ([made["id"]], ["p0"])
    assert get(jmap, ids=None) == {"list": [], "notFound": []}


def test_rfc8620_7_2_1_get_has_neither_account_nor_state(jmap: Caller) -> None:
    assert get(jmap).keys() == {"list", "notFound"}
    assert jmap.error("PushSubscription/get")["type"] == "invalidArguments"


def test_rfc8620_7_2_2_set_has_neither_account_nor_states(jmap: Caller) -> None:
    answers = {"created", "updated", "destroyed", "notCreated", "notUpdated", "notDestroyed"}
    assert set_(jmap).keys() == answers
    assert jmap.error("PushSubscription/set")["type"] == "invalidArguments"
    given, error = ask(jmap, "set", ifInState="a")
    assert (given, error["type"]) == ("error", "invalidArguments")


@pytest.mark.parametrize("name", ["url", "keys"])
def test_rfc8620_7_2_1_url_and_keys_are_forbidden(inside: Engine, name: str) -> None:
    create(inside, keys=KEYS)
    given, error = ask(inside, "get", properties=["id", name])
    assert (given, error["type"]) == ("error", "forbidden")


def test_rfc8620_7_2_1_url_and_keys_are_not_told_unasked(jmap: Caller) -> None:
    made = create(jmap, keys=KEYS)
    assert not {"url", "keys"} & made.keys()
    ((one,), _) = get(jmap).values()
    assert not {"url", "keys"} & one.keys()


def test_rfc8620_7_2_1_only_the_properties_asked_for_and_the_id(jmap: Caller) -> None:
    made = create(jmap)
    assert get(jmap, properties=["types"])["list"] == [{"id": made["id"], "types": None}]
    given, error = ask(jmap, "get", properties=["nothing"])
    assert (given, error["type"]) == ("error", "invalidArguments")


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example.org/",
        "HTTPS://push.example.org/",
        "https://",
        "https://a b/",
        "https://anna:secret@push.example.org/",
        "https://push.example.org:0/",
        "https://push.example.org:99999/",
        "https://[::1/",
        "https://püsh.example.org/",
        "https://push.example.org/#here",
        "https://push.example.org/" + MAX_URL * "a",
        "https://push.example.org/\r\nX: y",
        None,
        7,
    ],
)
def test_rfc8620_7_2_a_url_must_be_an_absolute_https_url(inside: Engine, url: Any) -> None:
    error = refused(inside, url=url)
    assert (error["type"], error["properties"]) == ("invalidProperties", ["url"])
    assert "https:" in error["description"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("deviceClientId", ""),
        ("deviceClientId", None),
        ("keys", {}),
        ("keys", {**KEYS, "more": "a"}),
        ("keys", {**KEYS, "auth": "AAAA"}),
        ("keys", {**KEYS, "p256dh": KEYS["p256dh"][:-4] + "AAAA"}),
        ("types", ["Email", 7]),
        ("types", "Email"),
        ("types", 101 * ["Email"]),
        ("expires", "tomorrow"),
        ("expires", "2020-01-01T00:00:00Z"),
        ("id", "p1"),
        ("other", 1),
    ],
)
def test_rfc8620_7_2_what_a_client_may_not_say(inside: Engine, name: str, value: Any) -> None:
    error = refused(inside, **{name: value})
    assert (error["type"], error["properties"]) == ("invalidProperties", [name])


@pytest.mark.parametrize("name", ["deviceClientId", "url"])
def test_rfc8620_7_2_what_a_client_must_say(inside: Engine, name: str) -> None:
    given = {"deviceClientId": "device", "url": URL}
    del given[name]
    error = set_(inside, create={"k": given})["notCreated"]["k"]
    assert (error["type"], error["properties"]) == ("invalidProperties", [name])


def test_rfc8620_7_2_the_verification_code_must_be_null_at_first(jmap: Caller) -> None:
    assert refused(jmap, verificationCode="a")["properties"] == ["verificationCode"]
    create(jmap, verificationCode=None)


def test_rfc8620_7_2_2_another_code_must_be_invalid_properties(jmap: Caller) -> None:
    id = create(jmap)["id"]
    for code in ("", "0" * 40, "é"):
        error = set_(jmap, update={id: {"verificationCode": code}})["notUpdated"][id]
        assert (error["type"], error["properties"]) == ("invalidProperties", ["verificationCode"])
    assert set_(jmap, update={id: {"verificationCode": None}})["updated"] == {id: None}
    ((one,), _) = get(jmap).values()
    assert one["verificationCode"] is None


def test_rfc8620_7_2_2_the_right_code_verifies(inside: Engine) -> None:
    id = create(inside)["id"]
    code = code_of(inside, id)
    assert len(bytes.fromhex(code)) >= 16
    assert set_(inside, update={id: {"verificationCode": code}})["updated"] == {id: None}
    assert inside.last is not None
    assert inside.last.push_subscriptions == (inside.user,)
    ((one,), _) = get(inside).values()
    assert one["verificationCode"] == code
    said = set_(inside, update={id: {"verificationCode": None, "types": ["Email"]}})
    assert said["notUpdated"][id]["properties"] == ["verificationCode"]


def test_rfc8620_7_2_2_url_and_keys_must_not_be_changed(jmap: Caller) -> None:
    id = create(jmap, keys=KEYS)["id"]
    for name, value in (("url", URL + "x"), ("keys", None), ("keys/auth", KEYS["auth"]), ("deviceClientId", "other")):
        error = set_(jmap, update={id: {name: value}})["notUpdated"][id]
        assert error["type"] in ("invalidProperties", "invalidPatch"), name
    assert set_(jmap, update={id: {"url": URL, "deviceClientId": "device"}})["updated"] == {id: None}


def test_rfc8620_7_2_without_an_expiry_one_is_set_and_one_too_far_is_limited(jmap: Caller) -> None:
    made = create(jmap)
    assert 7 * DAY < left(made["expires"]) <= LASTS
    assert left(create(jmap, expires=from_now(400 * DAY))["expires"]) <= LASTS
    wanted = from_now(2 * DAY)
    assert "expires" not in create(jmap, expires=wanted)


def test_rfc8620_7_2_2_the_expiry_can_be_put_off_and_is_limited_again(jmap: Caller) -> None:
    id = create(jmap, expires=from_now(2 * DAY))["id"]
    assert set_(jmap, update={id: {"expires": from_now(8 * DAY)}})["updated"] == {id: None}
    ((one,), _) = get(jmap).values()
    assert left(one["expires"]) > 7 * DAY
    for far in (from_now(400 * DAY), None):
        limited = set_(jmap, update={id: {"expires": far}})["updated"][id]["expires"]
        assert left(limited) > 7 * DAY


def test_rfc8620_7_2_1_only_those_of_the_same_credentials_must_be_returned(inside: Engine) -> None:
    token = inside.administer("token_add", name=inside.address, hash="h", label="phone", lasts=None, read_only=True)[
        "token"
    ]
    phone = attrs.evolve(inside, credential=f"token:{token}", read_only=True)
    own, other = create(inside)["id"], create(phone)["id"]
    assert get(inside, ids=[own, other])["notFound"] == [other]
    assert [one["id"] for one in get(phone)["list"]] == [other]
    assert list(set_(inside, destroy=[other])["notDestroyed"]) == [other]
    assert list(set_(inside, update={other: {"types": []}})["notUpdated"]) == [other]


def test_rfc8620_7_2_1_those_of_another_user_are_not_there(jmap: Caller) -> None:
    id = create(jmap)["id"]
    assert get(jmap.another("berta"), ids=[id])["notFound"] == [id]


def test_rfc8620_7_2_credentials_with_an_end_do_not_bound_the_expiry_but_end_it(inside: Engine) -> None:
    token = inside.administer("token_add", name=inside.address, hash="h", label="", lasts=3600, read_only=False)[
        "token"
    ]
    phone = attrs.evolve(inside, credential=f"token:{token}")
    far = from_now(400 * DAY)
    made = create(phone, expires=far)
    assert "expires" not in made
    assert create(phone)["expires"] is None
    for one in push_subscriptions.of_user(inside.store.database, inside.user, 0):
        assert one.ends <= int(time.time() + 3601) * 1000
    assert push_subscriptions.of_user(inside.store.database, inside.user, int(time.time() + 3602) * 1000) == []


@pytest.mark.parametrize("what", ["account_passwd", "account_disable", "account_delete", "token_revoke"])
def test_rfc8620_7_2_when_the_credentials_are_revoked_it_must_be_destroyed(inside: Engine, what: str) -> None:
    token = inside.administer("token_add", name=inside.address, hash="h", label="", lasts=None, read_only=False)[
        "token"
    ]
    phone = attrs.evolve(inside, credential=f"token:{token}")
    create(inside), create(phone)
    arguments = {"token": token} if what == "token_revoke" else {"name": inside.address}
    inside.administer(what, **arguments, **({"hash": "other"} if what == "account_passwd" else {}))
    kept = {
        one.credential
        for one in push_subscriptions.of_user(inside.store.database, inside.user, int(time.time() * 1000))
    }
    assert kept == {"account_passwd": {phone.credential}, "token_revoke": {"password"}}.get(what, set())


def test_a_token_revoked_meanwhile_makes_none(inside: Engine) -> None:
    phone = attrs.evolve(inside, credential="token:t77")
    given, error = ask(phone, "set", create={"k": {"deviceClientId": "device", "url": URL}})
    assert (given, error["type"]) == ("error", "forbidden")


def test_rfc8620_7_2_one_that_has_ended_is_not_there(inside: Engine) -> None:
    id = create(inside)["id"]
    one = push_subscriptions.of_user(inside.store.database, inside.user, 0)[0]
    inside.store.database.begin()
    push_subscriptions.change(inside.store.database, attrs.evolve(one, ends=int(time.time() * 1000)))
    inside.store.database.commit()
    assert get(inside, ids=[id])["notFound"] == [id]


def test_rfc8620_8_6_a_user_must_have_so_many_at_most(inside: Engine) -> None:
    for _ in range(MAX_PUSH_SUBSCRIPTIONS):
        create(inside)
    assert refused(inside)["type"] == "overQuota"
    assert create(inside.another("berta"))["id"]


def test_rfc8620_8_6_how_fast_they_are_made_must_be_limited(inside: Engine) -> None:
    for _ in range(MAX_PUSH_SUBSCRIPTIONS):
        set_(inside, destroy=[create(inside)["id"]])
    assert refused(inside)["type"] == "rateLimit"
    assert create(inside.another("berta"))["id"]
    inside.store.database.connection.execute("UPDATE push_subscriptions SET made = made - ?", (CREATIONS_KEEP,))
    create(inside)


def test_rfc8620_7_2_what_is_destroyed_must_be_erased_from_the_storage(inside: Engine) -> None:
    secret = "https://push.example.org/" + "s3cr3t" * 20
    ids = [create(inside, url=secret + str(number), keys=KEYS)["id"] for number in range(60)]
    for id in ids:
        set_(inside, update={id: {"types": 50 * ["Email"]}})
    file = Path(inside.store.database.connection.execute("PRAGMA database_list").fetchone()[2])

    def kept() -> bool:
        inside.store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        data = file.read_bytes()
        return b"s3cr3ts3cr3t" in data or KEYS["auth"].encode() in data

    assert kept()
    set_(inside, destroy=ids)
    assert not kept()
