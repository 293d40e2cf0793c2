"""PushSubscription: where a client wants to be told of changes by POST (RFC 8620 section 7.2).

It belongs to no account: /get and /set share what they do with those of all types, but have neither accountId nor states,
and see what was made with the credential of the Request alone.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import attrs

from jmapd.datatypes.objects import Kinds, check, is_string, is_string_or_null, is_utc_date_or_null
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context
from jmapd.methods.get import read_objects, read_properties
from jmapd.methods.registry import Method
from jmapd.methods.set import Work
from jmapd.protocol import ids, patch, statechange
from jmapd.protocol.capabilities import CORE
from jmapd.protocol.dates import parse_utc_date, utc_date
from jmapd.protocol.encryption import Keys
from jmapd.protocol.errors import MethodError, SetError, invalid_properties
from jmapd.store import accounts, push_subscriptions, tokens, users
from jmapd.store.push_subscriptions import PushSubscription

NAME = "PushSubscription"
ID_PREFIX = "p"

LASTS = 30 * 86_400_000
"""Milliseconds until one ends whose credential does not; the client may put that off again and again."""

MAX_URL = 2048
MAX_DEVICE_CLIENT_ID = 1000
MAX_TYPES, MAX_TYPE = 100, 255

_SHOWN = ("id", "deviceClientId", "verificationCode", "expires", "types")
_PRIVATE = ("url", "keys")


def subscription_id(number: int) -> str:
    """The PushSubscription's Id."""
    return ids.numbered(ID_PREFIX, number)


def subscription_number(id: str) -> int | None:
    """The number of a PushSubscription's Id, or ``None`` where it cannot be one."""
    return ids.number(ID_PREFIX, id)


def _is_url(value: Any) -> bool:
    """Whether something can be sent there, in private: the certificate says who answers."""
    if not is_string(value) or not value.startswith("https://") or len(value) > MAX_URL:
        return False
    if not value.isascii() or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        return bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc and not parts.fragment
    except ValueError:
        return False


def _is_device_client_id(value: Any) -> bool:
    return is_string(value) and 0 < len(value) <= MAX_DEVICE_CLIENT_ID


def _is_keys(value: Any) -> bool:
    if value is None:
        return True
    try:
        Keys.of_json(value)
    except ValueError:
        return False
    return True


def _is_types(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, list) and len(value) <= MAX_TYPES and all(map(_is_type, value))


def _is_type(value: Any) -> bool:
    return is_string(value) and len(value) <= MAX_TYPE


_CREATED = {
    "deviceClientId": _is_device_client_id,
    "url": _is_url,
    "keys": _is_keys,
    "verificationCode": lambda value: value is None,
    "expires": is_utc_date_or_null,
    "types": _is_types,
}
_UPDATED = {"verificationCode": is_string_or_null, "expires": is_utc_date_or_null, "types": _is_types}


_RULES = {
    "url": f"url must be an https: URL of at most {MAX_URL} octets of ASCII, without a user name and a fragment.",
    "keys": "keys must be null or have p256dh, an uncompressed point of 65 octets, and auth, 16 octets, in URL-safe base64.",
    "verificationCode": "verificationCode must be null when it is created, and the code that was sent then.",
    "deviceClientId": f"deviceClientId must be a text of 1 to {MAX_DEVICE_CLIENT_ID} characters, and stays.",
    "expires": "expires must be a UTCDate or null.",
    "types": f"types must be null or an array of at most {MAX_TYPES} names of data types.",
}


def _check(given: Mapping[str, Any], kinds: Kinds, *, fixed: Mapping[str, Any]) -> None:
    """Refuse what a client may not give, and say what it may.

    :raises SetError: ``invalidProperties``.
    """
    try:
        check(given, kinds, fixed=fixed)
    except SetError as error:
        wrong = error.extra["properties"]
        rules = [_RULES.get(name, f"{name} is no property that can be given.") for name in wrong]
        raise invalid_properties(" ".join(rules), *wrong) from None


def _shown(one: PushSubscription) -> dict[str, Any]:
    """The object as its client sees it."""
    return {
        "id": subscription_id(one.number),
        "deviceClientId": one.device_client_id,
        "verificationCode": one.code if one.verified else None,
        "expires": None if one.expires is None else utc_date(one.expires),
        "types": one.types,
    }


def _own(context: Context) -> dict[int, PushSubscription]:
    return push_subscriptions.of_credential(context.store.database, context.user, context.credential, context.now)


@attrs.frozen
class _Getter:
    own: dict[int, PushSubscription]
    properties: Sequence[str]

    def all(self) -> list[int]:
        return list(self.own)

    def fetch(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        for number in numbers:
            if number in self.own:
                shown = _shown(self.own[number])
                yield number, {name: shown[name] for name in self.properties}


@attrs.define(eq=False)
class _Setter:
    """PushSubscription/set for one credential.

    :param until: when the credential ends, in milliseconds since 1970, if it does.
    """

    context: Context
    own: dict[int, PushSubscription]
    until: int | None

    @classmethod
    def open(cls, context: Context) -> _Setter:
        """Read what was made with the credential."""
        return cls(context, _own(context), _end_of_credential(context))

    def create(self, creation_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        """Make one; the front sends its verification code as soon as it is there."""
        _check(properties, _CREATED, fixed={})
        missing = [name for name in ("deviceClientId", "url") if name not in properties]
        if missing:
            raise invalid_properties("These properties must be given.", *missing)
        self._check_number()
        expires, ends = self._lifetime(properties.get("expires"))
        made = PushSubscription(
            number=0,
            user=self.context.user,
            credential=self.context.credential,
            device_client_id=properties["deviceClientId"],
            url=properties["url"],
            keys=properties.get("keys"),
            types=properties.get("types"),
            expires=expires,
            ends=ends,
            made=self.context.now,
        )
        number = push_subscriptions.add(self.context.store.database, made)
        self.own[number] = made = attrs.evolve(made, number=number)
        self.context.push_subscriptions_changed = True
        said = _shown(made) if made.keys else {**_shown(made), "keys": None}
        return {name: value for name, value in said.items() if name not in properties or properties[name] != value}

    def update(self, number: int, changes: dict[str, Any]) -> dict[str, Any] | None:
        """Change one; with the code that was sent to it, it is verified."""
        one = self._existing(number)
        touched = patch.apply(changes, _shown(one))
        _check(touched, _UPDATED, fixed={"deviceClientId": one.device_client_id, "url": one.url, "keys": one.keys})
        after = one
        if "types" in touched:
            after = attrs.evolve(after, types=touched["types"])
        if "expires" in touched:
            expires, ends = self._lifetime(touched["expires"])
            after = attrs.evolve(after, expires=expires, ends=ends)
        if "verificationCode" in touched:
            after = self._verified(after, touched["verificationCode"])
        if after != one:
            push_subscriptions.change(self.context.store.database, after)
            self.own[number] = after
            self.context.push_subscriptions_changed = True
        expires_then = _shown(after)["expires"]
        return {"expires": expires_then} if touched.get("expires", expires_then) != expires_then else None

    def destroy(self, number: int) -> None:
        """Erase one."""
        del self.own[self._existing(number).number]
        push_subscriptions.erase(self.context.store.database, number)
        self.context.push_subscriptions_changed = True

    def finish(self) -> None:
        """Nothing was gathered."""

    def _check_number(self) -> None:
        """Refuse one more where there are too many, or were lately: each has a code sent to whatever URL (section 8.6)."""
        database, user, now = self.context.store.database, self.context.user, self.context.now
        most = self.context.max_push_subscriptions
        if push_subscriptions.count(database, user, now) >= most:
            raise SetError("overQuota", f"A user has at most {most} PushSubscriptions.")
        if push_subscriptions.count_made(database, user, now) >= most:
            raise SetError("rateLimit", f"A user makes at most {most} PushSubscriptions in an hour.")

    def _existing(self, number: int) -> PushSubscription:
        if number not in self.own:
            raise SetError("notFound")
        return self.own[number]

    def _lifetime(self, given: str | None) -> tuple[int | None, int]:
        """When the client is told that one expires, and when it ends.

        :param given: the UTCDate that it has asked for.
        """
        wanted, now = parse_utc_date(given), self.context.this_second
        if wanted is not None and wanted <= self.context.now:
            raise invalid_properties("expires must be in the future.", "expires")
        if self.until is not None:
            return wanted, self.until if wanted is None else min(wanted, self.until)
        expires = now + LASTS if wanted is None else min(wanted, now + LASTS)
        return expires, expires

    def _verified(self, one: PushSubscription, code: str | None) -> PushSubscription:
        """The same with what the client says the code is; it is told of what changes from now on."""
        if code == _shown(one)["verificationCode"]:
            return one
        if code is None or not hmac.compare_digest(code.encode(), one.code.encode()):
            raise invalid_properties("This is not the code that was sent.", "verificationCode")
        states = accounts.states(self.context.store.database, self.context.user)
        seen = {account: max(types.values(), default=0) for account, types in states.items()}
        return attrs.evolve(one, verified=True, told=statechange.push_state(self.context.store.epoch, seen))


def _end_of_credential(context: Context) -> int | None:
    """When the credential of a Request ends, in milliseconds since 1970; ``None``: it does not by itself.

    :raises MethodError: ``forbidden`` where it has been revoked since the Request came.
    """
    if context.credential == users.PASSWORD:
        return None
    token = tokens.of_credential(context.store.database, context.credential)
    if token is None:
        raise MethodError("forbidden", "This token has been revoked.")
    return None if token.expires is None else token.expires * 1000


def _get(context: Context, arguments: Arguments) -> dict[str, Any]:
    arguments.refuse_others(("ids", "properties"))
    ids = arguments.ids("ids")
    names = read_properties(arguments, _SHOWN, lambda name: name in (*_SHOWN, *_PRIVATE))
    if any(name in _PRIVATE for name in names):
        raise MethodError("forbidden", "url and keys are told to nobody.")
    getter = _Getter(_own(context), names if "id" in names else ["id", *names])
    return read_objects(context, getter, ids, subscription_number, subscription_id)


def _set(context: Context, arguments: Arguments) -> dict[str, Any]:
    arguments.refuse_others(Work.ARGUMENTS)
    work = Work.of(context, arguments)
    return work.done_by(_Setter.open(context), subscription_number)


METHODS = (
    Method(f"{NAME}/get", CORE, writes=False, run=_get),
    Method(f"{NAME}/set", CORE, writes=True, run=_set),
)
