"""`postern verify`: whether everything is as it was stored."""

from __future__ import annotations

import re
import sys

import click

from gateway.cli import clean
from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon
from gateway.cli.exits import DATA, OK, TRY_AGAIN, Failed
from gateway.cli.paper import Paper
from gateway.cli.settings import count
from gateway.cli.talking import talking

_LINE = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


@click.command()
@click.option("--noted", metavar="N:LINK", help="A line of `postern activity --json` that you noted elsewhere.")
@talking
def verify(daemon: Daemon, paper: Paper, noted: str | None) -> int:
    """Check every message, document, row and line of activity; exit 65 where one is not as it was stored.

    The gateway goes on meanwhile. Ctrl-C ends the check and harms nothing.
    """
    findings: list[str] = []
    done = False
    for kind, answer in daemon.stream("/v1/verify", **_params(noted)):
        done = done or kind == "done"
        if kind == "finding":
            findings.append(answer.text("sentence"))
            _say(paper, findings[-1])
        elif kind == "progress":
            _show(answer)
    if not done:
        raise Failed(TRY_AGAIN, "The daemon stopped before all was checked: start it again, and then the check.")
    _clear()
    if paper.as_json:
        paper.answer(Answer({"findings": findings}))
    elif findings:
        paper.say(f"{count(len(findings), 'thing')} not as stored.")
    else:
        paper.say("All is as it was stored.")
    return DATA if findings else OK


def _params(noted: str | None) -> dict[str, str]:
    if noted is None:
        return {}
    line = _LINE.fullmatch(noted)
    if line is None:
        raise click.BadParameter("write it as NUMBER:LINK, with the 64 digits of the link.", param_hint="--noted")
    return {"number": line[1], "link": line[2]}


def _say(paper: Paper, sentence: str) -> None:
    _clear()
    if not paper.as_json:
        paper.say(sentence)


def _show(answer: Answer) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{answer.number('checked')} of {answer.number('total')} checked ")
        sys.stderr.flush()


def _clear() -> None:
    if sys.stderr.isatty():
        sys.stderr.write(clean.line("") + "\r\x1b[K")
