"""How a change, or its rehearsal, is told: the settings, what becomes of stored mail, and where more is looked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

import click

from gateway.cli import clean
from gateway.cli.answer import Answer
from gateway.cli.paper import Paper
from gateway.cli.settings import count

F = TypeVar("F", bound=Callable[..., object])

SHOWN = 20  # messages of a change: a screen
MAX_SHOWN = 500  # the largest page that the daemon gives
NAMED = 5  # addresses and mailboxes of one line

_BECOMES = {"filed": "into {}", "left": "out of {}", "ambiguous": "in doubt in {}", "certain": "certain in {}"}
_TALLY = (
    ("filed", "{} filed", "{} would be filed"),
    ("moved_here", "{} moved here", "{} would move here"),
    ("left", "{} taken out", "{} would leave"),
    ("ambiguous", "{} now in doubt", "{} would be in doubt"),
    ("certain", "{} now certain", "{} would be certain"),
)


def listing(command: F) -> F:
    """Adds --limit and --after, for the list of messages."""
    limit = click.option(
        "--limit", type=click.IntRange(1, MAX_SHOWN), default=SHOWN, show_default=True, help="List so many messages."
    )
    after = click.option("--after", type=click.IntRange(0), metavar="ID", help="List those that come behind this one.")
    return limit(after(command))


def tell(paper: Paper, answer: Answer, *, dry_run: bool) -> None:
    """All of it; what to do next goes to stderr."""
    if paper.as_json:
        paper.answer(answer)
        return
    changes = answer.parts("changes")
    for line in (*map(_change, changes), *_record(answer, dry_run=dry_run), *_searches(answer, dry_run=dry_run)):
        paper.say(line)
    made = count(len(changes), "change")
    paper.say(f"{made} would be made; nothing was changed." if dry_run else f"{made} made.")
    if step := answer.text("step"):
        sys.stderr.write(clean.line(f"This was step {step}: `postern undo {step}` takes it back.") + "\n")


def _change(one: Answer) -> str:
    what = one.text("what")
    return f"{one.text('kind')} {one.text('name')} {one.text('verb')}" + (f": {what}" if what else "")


def _record(answer: Answer, *, dry_run: bool) -> Iterator[str]:
    record = answer.part("record")
    if record is None or not record.number("total"):
        return
    for one in record.parts("clients"):
        told = [(would if dry_run else done).format(one.number(key)) for key, done, would in _TALLY if one.number(key)]
        yield f"mail of {one.text('client')}: {', '.join(told)}"
    for one in record.parts("moves"):
        verb = "would move" if dry_run else "moved"
        yield f"mail: {count(one.number('messages'), 'message')} {verb} from {one.text('from')} to {one.text('to')}"
    yield from (f"  {_message(one)}" for one in record.parts("messages"))
    if closed := record.number("closed"):
        yield f"  {count(closed, 'message')} not shown: not open to you"
    if behind := record.text("next"):
        yield f"  and more, of {count(record.number('total'), 'message')} in all: --after {behind}"


def _message(one: Answer) -> str:
    becomes = ", ".join(_BECOMES[each.text("does")].format(each.text("client")) for each in one.parts("becomes"))
    date = one.moment("date") or "(no date)"
    return f"{one.text('id')}  {date}  {becomes}: {one.text('subject') or '(no subject)'}"


def _searches(answer: Answer, *, dry_run: bool) -> Iterator[str]:
    """Mailboxes that are asked for the same stand in one line."""
    alike: dict[tuple[int, tuple[str, ...]], list[str]] = {}
    for one in answer.parts("searches"):
        alike.setdefault((one.number("count"), tuple(one.words("addresses"))), []).append(one.text("mailbox"))
    verb = "would be looked for" if dry_run else "is looked for"
    for (number, addresses), boxes in alike.items():
        whom, where = _some(addresses, number), _some(boxes, len(boxes))
        yield f"history: mail with {whom} {verb} in {where}; how much there is, only the server knows"


def _some(names: tuple[str, ...] | list[str], number: int) -> str:
    more = number - len(names[:NAMED])
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
