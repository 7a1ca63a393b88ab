"""The daemon's JSON, read with types: a field that isn't what it should be ends the command with a sentence."""

from __future__ import annotations

import json
import re
from typing import Self, TypeVar

from gateway.cli.exits import SOFTWARE, Failed

_T = TypeVar("_T")


class Answer:
    """One JSON object; ``plain`` is the whole of it, for ``--json``."""

    __slots__ = ("plain",)

    def __init__(self, plain: object) -> None:
        if not isinstance(plain, dict):
            raise _misfit("object")
        self.plain: dict[str, object] = plain

    @classmethod
    def read(cls, text: str | bytes) -> Self:
        """From the JSON of a body or an event."""
        try:
            return cls(json.loads(text))
        except ValueError:
            raise _misfit("JSON") from None

    def text(self, key: str) -> str:
        """Empty for null."""
        value = self.plain.get(key)
        return "" if value is None else str(value)

    def moment(self, key: str) -> str:
        """A time for people: to the second, still UTC; empty for null."""
        return re.sub(r"\.\d+", "", self.text(key))

    def number(self, key: str) -> int:
        return self._typed(key, int)

    def flag(self, key: str) -> bool:
        return self._typed(key, bool)

    def words(self, key: str) -> list[str]:
        return [str(value) for value in self._typed(key, list)]

    def part(self, key: str) -> Answer | None:
        """None for null."""
        value = self.plain.get(key)
        return None if value is None else Answer(value)

    def parts(self, key: str) -> list[Answer]:
        return [Answer(value) for value in self._typed(key, list)]

    def _typed(self, key: str, kind: type[_T]) -> _T:
        value = self.plain.get(key)
        if not isinstance(value, kind):
            raise _misfit(key)
        return value


def _misfit(what: str) -> Failed:
    return Failed(SOFTWARE, f"The daemon's answer can't be understood ({what}): are both of the same version?")
