"""How `jmapctl watch` shows what happens: a line each, safe to print whatever the mail says."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_WIDEST = 100


def line(text: str) -> None:
    """Print a line at once, without what could command a terminal."""
    sys.stdout.write("".join(one if one.isprintable() else "·" for one in text) + "\n")
    sys.stdout.flush()


def email(sign: str, properties: Mapping[str, Any]) -> str:
    """An Email as one line: sign, time, sender, subject, keywords."""
    sender = (properties.get("from") or [{}])[0]
    who = sender.get("name") or sender.get("email") or "(nobody)"
    subject = (properties.get("subject") or "(no subject)")[:_WIDEST]
    keywords = " ".join(sorted(properties.get("keywords") or ()))
    received = datetime.fromisoformat(properties["receivedAt"]).astimezone()
    return f"{sign} {received:%Y-%m-%d %H:%M}  {who[:30]:<30}  {subject}{f'  [{keywords}]' if keywords else ''}"
