"""The firm's mailboxes: how their sync stands, looked at now, tested, stopped, and looked through again."""

from __future__ import annotations

from dataclasses import asdict

import structlog

from gateway.admin import ruled, shapes
from gateway.admin.given import Asker, Behind, Given
from gateway.admin.ruled import asks
from gateway.domain.diagnosis import Diagnosis
from gateway.domain.errors import Conflict
from gateway.policy.walls import Right

router = ruled.router("mailboxes")

_log = structlog.get_logger()


@router.get("/v1/mailboxes", openapi_extra=asks(Right.MAILBOXES))
async def mailboxes(given: Given, walls: Behind) -> shapes.Json:
    """Each with the state of its sync."""
    states = await given.store.sync.states()
    return {"mailboxes": [shapes.mailbox(one, states.get(one.key)) for one in walls.mailboxes]}


@router.post("/v1/mailboxes/{address}/sync", openapi_extra=asks(Right.MAILBOXES))
async def sync(address: str, given: Given, walls: Behind) -> shapes.Json:
    """Looks at the mailbox now, also where a refused sign-in had stopped it, and sends what was held for that."""
    mailbox = walls.mailbox(address)
    await given.sync_now(mailbox.key)
    return {"mailbox": mailbox.key}


@router.post("/v1/mailboxes/{address}/test", openapi_extra=asks(Right.MAILBOXES))
async def test(address: str, given: Given, walls: Behind) -> shapes.Json:
    """Walks to its servers and signs in to both, whatever state its sync has; sends nothing. May take a minute."""
    return diagnosis(await given.diagnose(walls.mailbox(address)))


@router.post("/v1/mailboxes/{address}/stop", openapi_extra=asks(Right.MAILBOXES))
async def stop(address: str, given: Given, asker: Asker, walls: Behind, *, dry_run: bool = False) -> shapes.Json:
    """Neither read nor sent through until it is synced again; the answer says what does not work then."""
    mailbox = walls.mailbox(address, alone=True)
    if given.stops is None:
        raise Conflict("No mailbox is followed here, so none can be stopped.")
    stopping = await given.stops.look(mailbox.key) if dry_run else await given.stops.stop(mailbox.key, by=asker)
    rules = stopping.rules if walls.runs_firm else ()  # their names may tell of clients
    return {"mailbox": mailbox.key, "dry_run": dry_run, **asdict(stopping), "rules": rules}


@router.post("/v1/mailboxes/{address}/reset", openapi_extra=asks(Right.MAILBOXES))
async def reset(address: str, given: Given, asker: Asker, walls: Behind) -> shapes.Json:
    """Forgets how far it was read, and looks through all of it again; nothing is lost or announced twice."""
    mailbox = walls.mailbox(address, alone=True)
    await given.store.sync.forget(mailbox.key)
    await given.sync_now(mailbox.key)
    _log.info("mailbox-reset", mailbox=mailbox.key, by=asker)
    return {"mailbox": mailbox.key}


def diagnosis(found: Diagnosis) -> shapes.Json:
    """``failed`` is the step to put right first, null where all went well; seconds are null for what was not tried."""
    steps = [
        {
            "name": step.name,
            "verdict": step.verdict,
            "seconds": None if step.seconds is None else round(step.seconds, 4),
            "text": step.text,
            "advice": step.advice,
        }
        for step in found.steps
    ]
    failed = found.failed.name if found.failed else None
    return {"mailbox": found.mailbox, "verdict": found.verdict, "failed": failed, "steps": steps}
