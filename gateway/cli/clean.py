"""Other people's words on their way to a terminal: nothing in them can move the cursor or turn the line around."""

from __future__ import annotations

import re

# C0 and C1 controls, line and paragraph separators, bidi marks, embeddings, overrides and isolates, lone surrogates
_HOSTILE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def line(text: str) -> str:
    """One printable line; what was taken out is shown as an escape."""
    return _HOSTILE.sub(_escape, text)


def block(text: str) -> str:
    """Several lines, with their line ends and tabs."""
    return "\n".join("\t".join(line(cell) for cell in row.split("\t")) for row in re.split(r"\r\n|\r|\n", text))


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
