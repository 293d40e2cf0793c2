"""What became of a test, by its name."""

from __future__ import annotations

import re

import attrs

OVER = {"in process": "in process", "http": "HTTP", "websocket": "WebSocket"}
"""What a test may run over, as its parameters name it and as it is shown."""

_NAME = re.compile(r"test_rfc(\d+)_((?:\d+_)+)(\w+)")


@attrs.frozen(order=True)
class Name:
    """What the name of a test says: which section of which RFC it is about, and what holds."""

    rfc: int
    section: tuple[int, ...]
    says: str

    @classmethod
    def of(cls, test: str) -> Name | None:
        """That of a test, if it is named by an RFC."""
        match = _NAME.match(test)
        if match is None:
            return None
        section = tuple(int(number) for number in match[2].strip("_").split("_"))
        return cls(int(match[1]), section, match[3].replace("_", " "))


@attrs.define
class Outcome:
    """Whether a test has passed.

    :param over: by what it ran over; "" where that is no question.
    """

    over: dict[str, bool] = attrs.field(factory=dict)

    @property
    def passed(self) -> bool:
        """Whether it ran, and always passed."""
        return bool(self.over) and all(self.over.values())

    def shown(self) -> str:
        """What a table says of it."""
        if not self.over:
            return "**did not run**"
        if not self.passed:
            failed = [name for name, passed in self.over.items() if not passed and name]
            return "**fails**" + (f" ({', '.join(failed)})" if failed else "")
        named = [shown for name, shown in OVER.items() if name in self.over]
        return f"passes ({', '.join(named)})" if named else "passes"
