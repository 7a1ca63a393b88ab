"""The firm's mailboxes: how their sync stands, looked at now, tested, stopped, and looked through again."""

from __future__ import annotations

from dataclasses import asdict

import structlog
from fastapi import APIRouter

from gateway.admin import shapes
from gateway.admin.given import Asker, Given
from gateway.admin.services import Services
from gateway.domain.diagnosis import Diagnosis
from gateway.domain.errors import Conflict, NotFound
from gateway.domain.firm import Mailbox

router = APIRouter(tags=["mailboxes"])

_log = structlog.get_logger()


@router.get("/v1/mailboxes")
async def mailboxes(given: Given) -> shapes.Json:
    """Each with the state of its sync."""
    states = await given.store.sync.states()
    return {"mailboxes": [shapes.mailbox(one, states.get(one.key)) for one in given.office.firm.mailboxes]}


@router.post("/v1/mailboxes/{address}/sync")
async def sync(address: str, given: Given) -> shapes.Json:
    """Looks at the mailbox now, also where a refused sign-in had stopped it, and sends what was held for that."""
    await given.sync_now(address.casefold())
    return {"mailbox": address.casefold()}


@router.post("/v1/mailboxes/{address}/test")
async def test(address: str, given: Given) -> shapes.Json:
    """Walks to its servers and signs in to both, whatever state its sync has; sends nothing. May take a minute."""
    return diagnosis(await given.diagnose(_mailbox(given, address)))


@router.post("/v1/mailboxes/{address}/stop")
async def stop(address: str, given: Given, asker: Asker, *, dry_run: bool = False) -> shapes.Json:
    """Neither read nor sent through until it is synced again; the answer says what does not work then."""
    mailbox = _mailbox(given, address)
    if given.stops is None:
        raise Conflict("No mailbox is followed here, so none can be stopped.")
    stopping = await given.stops.look(mailbox.key) if dry_run else await given.stops.stop(mailbox.key, by=asker)
    return {"mailbox": mailbox.key, "dry_run": dry_run, **asdict(stopping)}


@router.post("/v1/mailboxes/{address}/reset")
async def reset(address: str, given: Given, asker: Asker) -> shapes.Json:
    """Forgets how far it was read, and looks through all of it again; nothing is lost or announced twice."""
    mailbox = _mailbox(given, address)
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


def _mailbox(given: Services, address: str) -> Mailbox:
    mailbox = given.office.firm.mailbox_by_key.get(address.casefold())
    if mailbox is None:
        raise NotFound(f"There is no mailbox {address}: `postern mailbox list` shows those that there are.")
    return mailbox
