"""EmailSubmission/set: sending an Email, and what is done to it then (RFC 8621 section 7.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from jmapd.datatypes import identity
from jmapd.datatypes.email.prepare import wanted_delivery
from jmapd.datatypes.email.set import require, result
from jmapd.datatypes.email_submission import envelope
from jmapd.datatypes.email_submission.deliver import Route, deliver, routes
from jmapd.datatypes.email_submission.envelope import Envelope
from jmapd.datatypes.email_submission.record import NAME, submission_id
from jmapd.datatypes.objects import check, is_string
from jmapd.datatypes.vacation_response import reply
from jmapd.datatypes.vacation_response.reply import Reply
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context, Scope, Wanted
from jmapd.protocol import patch
from jmapd.protocol.dates import utc_date
from jmapd.protocol.errors import SetError, invalid_arguments, invalid_properties
from jmapd.store import emails, objects, queue, submitted
from jmapd.store.blobs import Piece
from jmapd.store.emails import email_number

MAX_SIZE = 50_000_000
"""Octets of a message that may be sent."""

_GIVEN = {"identityId": is_string, "emailId": is_string, "envelope": lambda value: True}
_CANCELED = {"smtpReply": "554 5.7.0 Canceled by its sender", "delivered": "no", "displayed": "unknown"}


@attrs.frozen
class Plan:
    """What is to be sent.

    :param header: the Email's immutable properties.
    :param routes: for each recipient where their mail goes.
    :param message: as it is delivered here; ``None`` where nobody is.
    :param replies: for the recipients who are away, by their addresses.
    """

    identity_id: str
    header: Mapping[str, Any]
    envelope: Envelope
    routes: Mapping[str, Route]
    message: Wanted | None
    replies: Mapping[str, Reply]

    def wanted(self) -> list[Wanted]:
        """What is to be prepared for it."""
        return [*([self.message] if self.message else ()), *(one.message for one in self.replies.values())]


@attrs.define(eq=False)
class SubmissionSetter:
    """EmailSubmission/set for one account.

    :param plans: for each creation id what is to be sent, or why it cannot be.
    :param on_success: onSuccessUpdateEmail and onSuccessDestroyEmail, by the Ids given.
    :param done: for each submission made, changed or destroyed the Id of its Email.
    """

    context: Context
    scope: Scope
    plans: Mapping[str, Plan | SetError]
    update_emails: Mapping[str, dict[str, Any]]
    destroy_emails: list[str]
    done: dict[str, str] = attrs.field(factory=dict)

    @classmethod
    def open(cls, context: Context, scope: Scope, arguments: Arguments) -> SubmissionSetter:
        """Plan what the call sends.

        :raises NeedsPreparation: where messages are to be read that are delivered here.
        """
        updates, destroys = arguments.objects("onSuccessUpdateEmail"), arguments.ids("onSuccessDestroyEmail") or []
        if updates.keys() & set(destroys):
            raise invalid_arguments("An Email cannot be both updated and destroyed.")
        plans: dict[str, Plan | SetError] = {}
        for creation_id, properties in arguments.objects("create").items():
            try:
                plans[creation_id] = _plan(context, scope, properties)
            except SetError as error:
                plans[creation_id] = error
        require(context, [wanted for one in plans.values() if isinstance(one, Plan) for wanted in one.wanted()])
        return cls(context, scope, plans, updates, destroys)

    def create(self, creation_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        """Send an Email."""
        plan = self.plans[creation_id]
        if isinstance(plan, SetError):
            raise plan
        plan = self._delivered(plan)
        number = self.scope.changes.next()
        row = {
            "identityId": plan.identity_id,
            "emailId": plan.header["id"],
            "threadId": plan.header["threadId"],
            "envelope": plan.envelope.to_json(),
            "sendAt": utc_date(self.context.this_second),
            "undoStatus": "pending" if all(route.is_pending for route in plan.routes.values()) else "final",
            "deliveryStatus": {email: route.status() for email, route in plan.routes.items()},
            "dsnBlobIds": [],
            "mdnBlobIds": [],
        }
        self._put(number, row)
        for message_id in (plan.header["messageId"] or ())[:1]:
            submitted.add(self.context.store.database, self.scope.number, message_id, number)
        self._enqueue(number, plan)
        self.scope.changes.made(NAME, number)
        self.done[submission_id(number)] = row["emailId"]
        told = {name: value for name, value in row.items() if properties.get(name) != value}
        return {"id": submission_id(number), **told}

    def _enqueue(self, number: int, plan: Plan) -> None:
        """Have wait what goes to other servers; it goes whatever becomes of the Email and of the submission."""
        waiting = tuple(email for email, route in plan.routes.items() if route.is_pending)
        if waiting:
            piece = Piece.of_id(plan.header["blobId"])
            assert piece is not None
            queue.add(
                self.context.store.database,
                self.scope.number,
                number,
                blob=piece.hash,
                envelope=attrs.evolve(plan.envelope, recipients=waiting).to_json(),
                now=self.context.now,
            )

    def _delivered(self, plan: Plan) -> Plan:
        """Deliver to the accounts of this server; who has no room for it is told so."""
        if plan.message is None:
            return plan
        message = result(self.context, plan.message)
        done = dict(plan.routes)
        for email, route in plan.routes.items():
            if route.account is not None:
                try:
                    deliver(self.context, route.account, message)
                except SetError:
                    done[email] = attrs.evolve(route, is_full=True)
                else:
                    if email in plan.replies:
                        reply.send(self.context, plan.replies[email])
        return attrs.evolve(plan, routes=done)

    def update(self, number: int, changes: dict[str, Any]) -> dict[str, Any] | None:
        """Cancel a submission that has gone to nobody yet; nothing else can change."""
        row = self._existing(number)
        touched = patch.apply(changes, row)
        check(touched, {"undoStatus": is_string}, fixed={name: row[name] for name in row if name != "undoStatus"})
        status = touched.get("undoStatus", row["undoStatus"])
        self.done[submission_id(number)] = row["emailId"]
        if status == row["undoStatus"]:
            return None
        if status != "canceled":
            raise invalid_properties("A submission can only be canceled.", "undoStatus")
        if row["undoStatus"] != "pending":
            del self.done[submission_id(number)]
            raise SetError("cannotUnsend")
        queue.cancel(self.context.store.database, self.scope.number, number)
        statuses = dict.fromkeys(row["deliveryStatus"], _CANCELED)
        self._put(number, {**row, "undoStatus": status, "deliveryStatus": statuses})
        self.scope.changes.updated(NAME, number)
        return {"deliveryStatus": statuses}

    def destroy(self, number: int) -> None:
        """Forget a submission; what it has sent is sent."""
        row = self._existing(number)
        objects.remove(self.context.store.database, self.scope.number, NAME, number)
        submitted.forget(self.context.store.database, self.scope.number, number)
        self.scope.changes.destroyed(NAME, number)
        self.done[submission_id(number)] = row["emailId"]

    def finish(self) -> None:
        """Have done to the Emails what is to be done on success, by an implicit Email/set."""
        update = {email: patch for id, patch in self.update_emails.items() if (email := self._email(id))}
        destroy = [email for id in self.destroy_emails if (email := self._email(id))]
        if update or destroy:
            arguments = {"accountId": self.scope.access.id, "update": update, "destroy": destroy}
            self.context.implicit.append(("Email/set", arguments))

    def _email(self, given: str) -> str | None:
        return self.done.get(self.context.referred(given) or given)

    def _existing(self, number: int) -> objects.Object:
        found = objects.some_of(self.context.store.database, self.scope.number, NAME, [number])
        if number not in found:
            raise SetError("notFound")
        return found[number]

    def _put(self, number: int, row: objects.Object) -> None:
        objects.put(self.context.store.database, self.scope.number, NAME, number, row)


def _plan(context: Context, scope: Scope, properties: dict[str, Any]) -> Plan:
    """What is to be sent, or the `SetError` that says why it cannot be."""
    check(properties, _GIVEN, fixed={})
    missing = sorted({"identityId", "emailId"} - properties.keys())
    if missing:
        raise invalid_properties("A submission names an Identity and an Email.", *missing)
    identity_id, sender = _identity(context, scope, properties["identityId"])
    header = _header(context, scope, properties["emailId"])
    if header["size"] > MAX_SIZE:
        raise SetError("tooLarge", maxSize=MAX_SIZE)
    _check_senders(header, sender)
    sent = properties.get("envelope")
    if sent is None:
        found = envelope.of_message(header, sender)
    else:
        found = envelope.given(sent)
        if found.mail_from.casefold() != sender.casefold():
            raise SetError("forbiddenMailFrom", f"This Identity sends from {sender}.")
    to = routes(context.store.database, found.recipients)
    delivered_here = any(route.account is not None for route in to.values())
    message = wanted_delivery(context, scope, header["blobId"], found.mail_from) if delivered_here else None
    replies = {
        email: planned
        for email, route in to.items()
        if route.account and (planned := reply.plan(context, scope, route.account, header["blobId"], found.mail_from))
    }
    return Plan(identity_id, header, found, to, message, replies)


def _identity(context: Context, scope: Scope, given: str) -> tuple[str, str]:
    """The Id of an Identity, and its address."""
    id = context.referred(given)
    number = None if id is None else identity.identity_number(scope.number, id)
    found = objects.some_of(context.store.database, scope.number, identity.NAME, () if number is None else [number])
    for row in found.values():
        assert id is not None
        return id, row["email"]
    raise invalid_properties("There is no such Identity.", "identityId")


def _header(context: Context, scope: Scope, given: str) -> dict[str, Any]:
    """The immutable properties of an Email."""
    id = context.referred(given)
    number = None if id is None else email_number(scope.number, id)
    for _, _, _, metadata in emails.metadata(context.store.database, () if number is None else [number]):
        known: dict[str, Any] = orjson.loads(b"{" + metadata.replace(b"\n", b",") + b"}")
        return known
    raise invalid_properties("There is no such Email.", "emailId")


def _check_senders(header: Mapping[str, Any], address: str) -> None:
    """One mailbox has sent a message (RFC 5322 section 3.6.2), and it must be the Identity's.

    :raises SetError: ``invalidEmail`` or ``forbiddenFrom``.
    """
    if not header["from"]:
        raise SetError("invalidEmail", "An Email has a From field.", ["from"])
    name = "sender" if header["sender"] else "from"
    if len(header[name]) != 1:
        raise SetError("invalidEmail", "An Email has one Sender, or is from one address.", [name])
    if (header[name][0]["email"] or "").casefold() != address.casefold():
        raise SetError("forbiddenFrom", f"This Identity sends as {address}.")
