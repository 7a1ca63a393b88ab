"""What the firm's rules would do to a message that nobody sends."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from gateway.admin import ruled, shapes
from gateway.admin.given import Given
from gateway.admin.ruled import asks
from gateway.domain.errors import BadMessage
from gateway.mime.address import AddressFault, parse_address
from gateway.mime.header import Header
from gateway.mime.plain import plain_text
from gateway.outbound.rehearse import Rehearsed
from gateway.policy.walls import Right

MAX_RECIPIENTS = 1_000  # as submission takes them, more or less; the list is in a URL
MAX_TEXT = 100_000  # characters of each of the two texts

router = ruled.router("firm")


@router.post("/v1/rules/try", openapi_extra=asks(Right.SETTINGS))
async def attempt(
    request: Request,
    given: Given,
    login: Annotated[str, Query(alias="as")],
    to: Annotated[list[str] | None, Query(max_length=MAX_RECIPIENTS)] = None,
) -> shapes.Json:
    """The body is the message; ``to`` is its envelope, else the header's recipients. Nothing is queued or kept."""
    raw = await request.body()
    try:
        recipients = tuple(parse_address(each) for each in to) if to else None
    except AddressFault as error:
        raise BadMessage(f"A recipient can't be read: {error}.") from error
    return _shape(await given.rehearse(login, raw, recipients))


def _shape(found: Rehearsed) -> shapes.Json:
    decision = found.decision
    return {
        "leaves": found.refusal is None,
        "refusal": found.refusal,
        "member": found.login,
        "asked": found.asked,
        "identity": decision.identity if decision else None,
        "mailbox": str(decision.mailbox.address) if decision else None,
        "grant": decision.grant if decision else None,
        "clients": [client.name for client in decision.clients] if decision else [],
        "recipients": [str(address) for address in found.recipients],
        "bcc": [str(address) for address in decision.bcc] if decision else [],
        "signature": decision.signature.name if decision and decision.signature else None,
        "office_hours": decision.in_office_hours if decision else None,
        "leaves_at": shapes.moment(found.leaves_at) if found.leaves_at else None,
        "reply": decision.is_reply if decision else None,
        "rules": [
            {"name": one.name, "matched": one.matched, "why": one.why, "acted": list(one.acted)} for one in found.rules
        ],
        "notes": list(found.notes),
        "before": _letter(found.before),
        "after": _letter(found.after) if found.after is not None else None,
    }


def _letter(raw: bytes) -> shapes.Json:
    """The header as its lines are, and the body as a person reads it."""
    header = Header.read(raw)
    lines = raw[: header.block_end].decode("utf-8", "backslashreplace").replace("\r\n", "\n").split("\n")
    return {"header": [line for line in lines if line], "text": plain_text(raw, MAX_TEXT), "size": len(raw)}
