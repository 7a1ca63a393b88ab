"""`postern rule try`: what would become of a message, and why, before anybody sends it."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click

from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon
from gateway.cli.exits import DATA, Failed
from gateway.cli.paper import Paper
from gateway.cli.talking import PATH, talking

STANDARD_INPUT = Path("-")


@click.command("try")
@click.argument("file", type=PATH)
@click.option("--as", "login", required=True, metavar="LOGIN", help="Who would send it.")
@click.option("--to", "to", multiple=True, metavar="ADDRESS", help="An envelope recipient; else those of the header.")
@talking
def try_rules(daemon: Daemon, paper: Paper, file: Path, login: str, to: tuple[str, ...]) -> int | None:
    """Show what would become of the message in FILE, and why. Nothing is sent."""
    answer = daemon.deliver("/v1/rules/try", _read(file), {"as": login, "to": list(to)})
    if paper.as_json:
        paper.answer(answer)
    else:
        _print(paper, answer)
    return None if answer.flag("leaves") else DATA


def _read(file: Path) -> bytes:
    if file == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failed(DATA, f"{file} can't be read: {error.strerror}.") from error


def _print(paper: Paper, one: Answer) -> None:
    refusal = one.text("refusal")
    paper.fields(
        [
            ("result", "it would be refused" if refusal else "it would leave"),
            ("because", refusal),
            ("asked for", one.text("asked")),
            ("leaves as", _leaves_as(one)),
            ("allowed by", one.text("grant")),
            ("to", ", ".join(one.words("recipients"))),
            ("clients", ", ".join(one.words("clients"))),
            ("bcc copies", ", ".join(one.words("bcc"))),
            ("leaves at", _leaves_at(one)),
            ("signature", one.text("signature") + (" (that of replies)" if one.plain.get("reply") else "")),
            *(("note", note) for note in one.words("notes")),
        ]
    )
    if one.parts("rules"):
        paper.say("")
        rows = [_rule(rule) for rule in one.parts("rules")]
        paper.table(("rule", "matches", "did", "why"), rows, empty="")
    before, after = one.part("before"), one.part("after")
    if before and after:
        paper.say("")
        paper.block("\n".join(difflib.unified_diff(_lines(before), _lines(after), "before", "after", lineterm="")))


def _leaves_as(one: Answer) -> str:
    how = {"answered": " (the address that the client wrote to)", "rule": " (by a rule)"}
    return one.text("mailbox") + how.get(one.text("identity"), "")


def _leaves_at(one: Answer) -> str:
    if one.plain.get("office_hours") is not True:
        return ""
    leaves = one.moment("leaves_at")
    return f"{leaves}, in office hours" if leaves else "at once: the office never closes"


def _rule(one: Answer) -> list[str]:
    return [one.text("name"), "yes" if one.flag("matched") else "no", ", ".join(one.words("acted")), one.text("why")]


def _lines(letter: Answer) -> list[str]:
    return [*letter.words("header"), "", *letter.text("text").splitlines()]
