"""What a command prints: JSON for programs, aligned lines for pipes, a little colour on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from gateway.cli import clean
from gateway.cli.answer import Answer

GAP = "  "
_COLOURS = {
    "well": "green",
    "live": "green",
    "delivered": "green",
    "degraded": "yellow",
    "retrying": "yellow",
    "held": "yellow",
    "down": "bold red",
    "stopped": "bold red",
    "failed": "bold red",
}


class Paper:
    """``as_json``: the daemon's answer as it came, and nothing else, goes to stdout."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    def answer(self, answer: Answer) -> None:
        """Escaped to ASCII, so that no terminal obeys what is in it."""
        sys.stdout.write(json.dumps(answer.plain, indent=2) + "\n")

    def answer_line(self, answer: Answer) -> None:
        """For streams: one object on one line."""
        sys.stdout.write(json.dumps(answer.plain) + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """One line."""
        sys.stdout.write(clean.line(text) + "\n")
        sys.stdout.flush()

    def outcome(self, answer: Answer, sentence: str) -> None:
        """What a command did: the daemon's answer, or the sentence for a person."""
        if self.as_json:
            self.answer(answer)
        else:
            self.say(sentence)

    def block(self, text: str) -> None:
        """A message's text."""
        sys.stdout.write(clean.block(text).rstrip("\n") + "\n")

    def fields(self, pairs: Sequence[tuple[str, str]]) -> None:
        """``name: value`` lines with the values under each other; empty values are left out."""
        shown = [(name, clean.line(value)) for name, value in pairs if value]
        width = max((len(name) for name, _ in shown), default=0) + 1
        for name, value in shown:
            sys.stdout.write(f"{name + ':':<{width}} {value}\n")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
        """A head and a row per line; ``empty`` is said on stderr instead where there is none."""
        if not rows:
            sys.stderr.write(empty + "\n")
            return
        cells = [[clean.line(cell) for cell in row] for row in rows]
        if sys.stdout.isatty():
            _coloured(columns, cells)
        else:
            _aligned([[column.upper() for column in columns], *cells])


def size(octets: int) -> str:
    """``1.5 MB``, in powers of ten as disks are sold."""
    value = float(octets)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _aligned(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        padded = GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(padded.rstrip() + "\n")


def _coloured(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
    Console().print(table)
