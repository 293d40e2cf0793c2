"""SearchSnippet: where in Emails a search's words are (RFC 8621 section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from jmapd.datatypes.email.bodies import Body, BodyOptions
from jmapd.datatypes.email.properties import METADATA
from jmapd.datatypes.email.query import check_filter
from jmapd.message.snippet import MAX_TEXT, Phrase, mark, snippet
from jmapd.methods.arguments import Arguments
from jmapd.methods.context import Context
from jmapd.methods.registry import Method
from jmapd.protocol.capabilities import MAIL
from jmapd.protocol.errors import MethodError, invalid_arguments
from jmapd.store import emails, search
from jmapd.store.emails import email_number

_OPTIONS = BodyOptions(None, fetch_text=True, fetch_html=False, fetch_all=False, max_octets=0)
_SUBJECT = METADATA.index("subject")
_OF_SUBJECT = frozenset({"text", "subject"})
_OF_BODY = frozenset({"text", "body"})


def run(context: Context, arguments: Arguments) -> dict[str, Any]:
    """SearchSnippet/get."""
    arguments.refuse_others(("accountId", "filter", "emailIds"))
    scope = context.scope(arguments)
    check_filter(arguments)
    ids = arguments.ids("emailIds")
    if ids is None:
        raise invalid_arguments("emailIds must be an array of Ids.")
    if len(ids) > context.limits.max_objects_in_get:
        raise MethodError("requestTooLarge", f"At most {context.limits.max_objects_in_get} snippets at once.")
    filter = arguments.object("filter")
    subject, body = (list(_phrases(filter, names)) for names in (_OF_SUBJECT, _OF_BODY))
    numbers = {number: id for id in ids if (number := email_number(scope.number, id)) is not None}
    texts = _texts(context, list(numbers), bodies=bool(body))
    found = [
        {"emailId": numbers[number], "subject": mark(title, subject), "preview": snippet(text, body)}
        for number, title, text in texts
    ]
    there = {one["emailId"] for one in found}
    context.spend(sum(len(one["subject"] or "") + len(one["preview"] or "") for one in found))
    return {
        "accountId": scope.access.id,
        "list": found,
        "notFound": [id for id in ids if id not in there] or None,
    }


METHODS = (Method("SearchSnippet/get", MAIL, writes=False, run=run),)


def _phrases(node: dict[str, Any] | None, names: frozenset[str]) -> Iterator[Phrase]:
    """What is looked for; what must not be there is not."""
    if node is None or node.get("operator") == "NOT":
        return
    if "operator" in node:
        for one in node["conditions"]:
            yield from _phrases(one, names)
        return
    for name in names & node.keys():
        for text, prefix in search.phrases(node[name]):
            phrase = Phrase.of(text, prefix=prefix)
            if phrase is not None:
                yield phrase


def _texts(context: Context, wanted: list[int], *, bodies: bool) -> Iterator[tuple[int, str, str]]:
    """Number, subject and text of each Email that there is."""
    database = context.store.database
    kept = emails.bodies(database, wanted) if bodies else {}
    for number, _, _, metadata in emails.metadata(database, wanted):
        subject = orjson.loads(b"{" + metadata.split(b"\n")[_SUBJECT] + b"}")["subject"]
        text = ""
        if number in kept:
            text = "\n".join(Body(context, kept[number].split(b"\n"), _OPTIONS).texts(MAX_TEXT))
        yield number, subject or "", text
