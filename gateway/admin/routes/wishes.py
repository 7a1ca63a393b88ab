"""What a member wants to hear: preferences by kind, muted threads, and sync warnings put off for a day or for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Body, Depends, Path, Query

from gateway.admin import ruled, shapes
from gateway.admin.given import Behind, Given
from gateway.admin.routes.answers import MAX_ID
from gateway.admin.ruled import asks
from gateway.admin.services import Services
from gateway.domain.access import Way
from gateway.domain.errors import Conflict, NotFound
from gateway.domain.record import Event, EventKind
from gateway.policy.walls import Right, Walls

router = ruled.router("feed")

LATER = timedelta(hours=24)  # "remind me later", product.md S7
WARNINGS = frozenset({EventKind.SYNC_STOPPED})

Id = Annotated[int, Path(ge=0, le=MAX_ID)]


async def _whose(given: Given, walls: Behind, as_: Annotated[str | None, Query(alias="as")] = None) -> Walls:
    """The walls of the member whose wishes these are: one's own, an operator says whose."""
    return walls.of_member(as_)


Whose = Annotated[Walls, Depends(_whose)]


@router.get("/v1/preferences", openapi_extra=asks(Right.FEED))
async def preferences(given: Given, whose: Whose) -> shapes.Json:
    """By kind of event: feed, mail, both or none."""
    return {"preferences": await given.store.wishes.preferences(whose.caller.login)}


@router.post("/v1/preferences", openapi_extra=asks(Right.FEED))
async def prefer(chosen: Annotated[dict[EventKind, Way], Body()], given: Given, whose: Whose) -> shapes.Json:
    """Those that are not named stay as they are. Mail needs a mailbox that is the member's alone."""
    login = whose.caller.login
    if whose.firm.own_address(login) is None and not {Way.MAIL, Way.BOTH}.isdisjoint(chosen.values()):
        raise Conflict(f"{login} has no mailbox of their own, to which mail could go: choose feed or none.")
    await given.store.wishes.prefer(login, chosen)
    return {"preferences": await given.store.wishes.preferences(login)}


@router.post("/v1/threads/{thread}/mute", openapi_extra=asks(Right.FEED))
async def mute(thread: Id, given: Given, whose: Whose) -> shapes.Json:
    """Its mail is filed as ever, and this member hears of it no more."""
    await _require_thread(given, whose, thread)
    await given.store.wishes.mute(whose.caller.login, thread)
    return {"thread": thread, "muted": True}


@router.delete("/v1/threads/{thread}/mute", openapi_extra=asks(Right.FEED))
async def unmute(thread: Id, given: Given, whose: Whose) -> shapes.Json:
    """Heard again."""
    await _require_thread(given, whose, thread)
    await given.store.wishes.unmute(whose.caller.login, thread)
    return {"thread": thread, "muted": False}


@router.post("/v1/events/{number}/snooze", openapi_extra=asks(Right.FEED))
async def snooze(number: Id, given: Given, whose: Whose) -> shapes.Json:
    """Warnings like it, about that mailbox, are heard again in 24 hours."""
    return await _put_off(number, given, whose, for_good=False)


@router.post("/v1/events/{number}/dismiss", openapi_extra=asks(Right.FEED))
async def dismiss(number: Id, given: Given, whose: Whose) -> shapes.Json:
    """Warnings like it, about that mailbox, are heard never again."""
    return await _put_off(number, given, whose, for_good=True)


@router.delete("/v1/events/{number}/dismiss", openapi_extra=asks(Right.FEED))
async def recall(number: Id, given: Given, whose: Whose) -> shapes.Json:
    """Heard again, whether it was snoozed or dismissed."""
    warning = await _warning(given, whose, number)
    await given.store.wishes.take_up(whose.caller.login, warning.kind, warning.mailbox)
    return {"event": number, "mailbox": warning.mailbox, "until": None, "heard": True}


async def _put_off(number: int, given: Services, whose: Walls, *, for_good: bool) -> shapes.Json:
    warning = await _warning(given, whose, number)
    until = None if for_good else given.now() + LATER
    await given.store.wishes.put_off(whose.caller.login, warning.kind, warning.mailbox, until)
    return {"event": number, "mailbox": warning.mailbox, "until": shapes.moment(until), "heard": False}


async def _warning(given: Services, whose: Walls, number: int) -> Event:
    """NotFound for an event out of sight, as for one that is not there; Conflict for what is no sync warning."""
    found = await given.store.feed.after(number - 1, 1, whose.sight)
    if not found or found[0].number != number:
        raise NotFound(f"There is no event {number}: `postern feed` shows them.")
    if found[0].kind not in WARNINGS:
        raise Conflict("Only warnings about a mailbox's sync can be put off: `postern mute` is for mail of a thread.")
    return found[0]


async def _require_thread(given: Services, whose: Walls, thread: int) -> None:
    client = await given.store.wishes.thread_client(thread)
    if client is None or not whose.opens(client):
        raise NotFound(f"There is no thread {thread}: `postern mail list` shows those of a client.")
