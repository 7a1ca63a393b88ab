"""What a change does to the clients' record, as JSON: numbers of every client, words only of mail that is open."""

from __future__ import annotations

from dataclasses import asdict

from gateway.admin import shapes
from gateway.admin.routes.answers import next_page
from gateway.admin.services import Services
from gateway.domain.step import Doing, Refiled, moves, tallies
from gateway.office.office import Applied
from gateway.policy.walls import Walls

MAX_ADDRESSES = 100  # of one mailbox that are named: more come from a program, which has the file


async def applied(
    made: Applied, given: Services, walls: Walls, *, dry_run: bool, limit: int, after: int | None
) -> shapes.Json:
    """The answer to a change; ``after``: the message behind which the list of messages goes on."""
    return {
        "changes": [shapes.change(one) for one in made.changes],
        "dry_run": dry_run,
        "step": made.step,
        "record": await _record(made, given, walls, limit, after),
        "searches": [
            {"mailbox": one.mailbox, "count": len(one.addresses), "addresses": list(one.addresses[:MAX_ADDRESSES])}
            for one in made.searches
        ],
    }


async def _record(made: Applied, given: Services, walls: Walls, limit: int, after: int | None) -> shapes.Json:
    refilings, is_done = made.refilings, made.step is not None
    numbers = sorted({one.message for one in refilings})
    page = [number for number in numbers if after is None or number > after][:limit]
    wanted = set(page)
    found = await given.store.firm.refiled([one for one in refilings if one.message in wanted])
    shown = [row for one in found if (row := _message(one, walls, is_done=is_done)) is not None]
    return {
        "clients": [asdict(one) for one in tallies(refilings)],
        "moves": [{"from": old, "to": new, "messages": count} for (old, new), count in moves(refilings).items()],
        "total": len(numbers),
        "messages": shown,
        "closed": len(page) - len(shown),  # of this page: mail of clients that are not open to the asker
        "next": next_page(page, limit),
    }


def _message(one: Refiled, walls: Walls, *, is_done: bool) -> shapes.Json | None:
    """None for mail that the asker does not see as it lies, nor as it lay, and for what becomes of it behind a wall."""
    left = [each.client for each in one.refilings if each.does is Doing.LEFT and is_done]
    becomes = [{"client": each.client, "does": each.does} for each in one.refilings if walls.opens(each.client)]
    if not becomes or not walls.opened([*one.clients, *left]):
        return None
    facts = one.facts
    return {
        "id": one.message,
        "date": shapes.moment(facts.date),
        "from": facts.sender,
        "subject": facts.subject,
        "clients": walls.opened(one.clients),
        "becomes": becomes,
    }
