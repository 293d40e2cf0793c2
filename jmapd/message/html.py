"""HTML to the text in it, by a parser that real browsers' authors would recognise."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser

MAX_CHARACTERS = 500_000
"""Characters of HTML that are looked at."""

MAX_TAGS = 10_000
"""Tags that are looked at: building a tree of tags that all nest takes the square of their number (0.1 s for these)."""

MAX_ATTRIBUTES = 30_000
"""Signs that may separate attributes: those of one tag take the square of their number (1 s for these), so where there
are more, all attributes are taken out first, and what no parser shows with them."""

_SEPARATORS = " \t\r\n\f/\"'"

# a parser opens these again in each paragraph after one that left them open: memory by the square of the tags
_FORMATTING = re.compile(r"<(/?)(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE)

_TAG = re.compile(
    r"""
    <!--.*?(?:-->|\Z)
    | <(?:(script)|style)\b.*?(?:</(?(1)script|style)[^>]*+>?|\Z)
    | <(?P<name>/?[a-z][^\s/>]*+)(?:[^>"'=]++|=\s*+(?:"[^"]*+"?|'[^']*+'?)?|["'])*+>?
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)

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
    if html.count("<") > MAX_TAGS:
        html = "<".join(html.split("<", MAX_TAGS)[:MAX_TAGS])
    if sum(map(html.count, _SEPARATORS)) > MAX_ATTRIBUTES:
        html = _TAG.sub(_bare, html)
    return _FORMATTING.sub(r"<\1span", html)


def _bare(tag: re.Match[str]) -> str:
    # never nothing, for what is around it must not become a tag
    return f"<{tag['name']}>" if tag["name"] else " "
