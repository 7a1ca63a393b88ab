"""What a step of the walk comes to: found, or failed."""

from __future__ import annotations

from dataclasses import dataclass

APPLY = "correct it in the firm file and run `postern apply`"


@dataclass(frozen=True, slots=True)
class Found:
    """The step went well; with ``advice`` not as well as it could."""

    text: str
    advice: str = ""


class Failed(Exception):
    """The walk ends at this step."""

    def __init__(self, text: str, advice: str) -> None:
        super().__init__(text)
        self.text = text
        self.advice = advice
