"""HTML to the text in it, by a parser that real browsers' authors would recognise."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser

MAX_CHARACTERS = 1_000_000
"""Characters of HTML that are looked at."""

MAX_TAGS = 10_000
"""Tags that are looked at: building a tree of tags that all nest takes the square of their number (0.1 s for these)."""

_UNSEEN = ["head", "script", "style", "template", "noscript", "title"]


def html_to_text(html: str) -> str:
    """The text that a person would read.

    :param html: of any size and quality; `MAX_CHARACTERS` of it are looked at.
    """
    parser = LexborHTMLParser(_bounded(html[:MAX_CHARACTERS]))
    parser.strip_tags(_UNSEEN)
    body = parser.body
    return "" if body is None else " ".join(body.text(separator=" ").split())


def _bounded(html: str) -> str:
    if html.count("<") <= MAX_TAGS:
        return html
    return "<".join(html.split("<", MAX_TAGS)[:MAX_TAGS])
