"""Messages and threads to be printed: a page that acts in no browser and fetches nothing, or text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum

from fastapi.responses import StreamingResponse

from gateway.admin import ruled
from gateway.admin.given import Behind, Given
from gateway.admin.routes.answers import MAX_PAGE
from gateway.admin.routes.mail import MessageId, open_clients
from gateway.admin.routes.threads import Thread, thread_client
from gateway.admin.ruled import asks
from gateway.admin.services import Services
from gateway.domain.record import Filing, Message
from gateway.mime.plain import plain_text
from gateway.mime.sheet import enclosures
from gateway.policy.printing import FOOT, POLICY, Printed, article, head, plain
from gateway.policy.walls import Right

router = ruled.router("mail")


class Form(StrEnum):
    """In which form it is wanted."""

    HTML = "html"
    TEXT = "text"


@router.get("/v1/messages/{message_id}/page", openapi_extra=asks(Right.RECORD))
async def message_page(message_id: MessageId, given: Given, walls: Behind, form: Form = Form.HTML) -> StreamingResponse:
    """One message."""
    clients = await open_clients(message_id, given, walls)
    filings = [one for one in await given.store.record.filings(message_id) if one.client in clients]
    flags = tuple(dict.fromkeys(flag for one in filings for flag in one.flags))
    message = filings[0].message

    async def pieces() -> AsyncIterator[str]:
        yield await _printed(given, message, tuple(clients), flags, form)

    return _answer(pieces(), form, message.facts.subject or "(no subject)", f"message {message_id}")


@router.get("/v1/threads/{thread}/page", openapi_extra=asks(Right.RECORD))
async def thread_page(thread: Thread, given: Given, walls: Behind, form: Form = Form.HTML) -> StreamingResponse:
    """All messages of a thread, the oldest first, one after the other."""
    client = await thread_client(thread, given, walls)
    (first,) = await given.store.conversations.of_thread(thread, 1)

    async def pieces() -> AsyncIterator[str]:
        async for one in _messages(given, thread):
            yield await _printed(given, one.message, (client,), one.flags, form)

    return _answer(pieces(), form, first.message.facts.subject or "(no subject)", f"thread {thread}")


async def _messages(given: Services, thread: int) -> AsyncIterator[Filing]:
    after: int | None = None
    while page := await given.store.conversations.of_thread(thread, MAX_PAGE, after):
        for one in page:
            yield one
        after = page[-1].message.id


async def _printed(
    given: Services, message: Message, clients: tuple[str, ...], flags: tuple[str, ...], form: Form
) -> str:
    """One message at a time is in memory, and none that holds up the loop is taken apart on it."""
    raw = await given.store.record.raw(message.id)
    infected = await given.store.brought.infected(message.id)
    if form is Form.TEXT:
        text = await asyncio.to_thread(plain_text, raw)
        listed = tuple(await asyncio.to_thread(enclosures, raw))
        return plain(Printed(message, clients, flags, text, None, listed, infected))
    body = await given.pages.body(message.id, raw)
    text = await asyncio.to_thread(plain_text, raw) if body.html is None else ""
    return article(Printed(message, clients, flags, text, body.html, body.enclosures, infected))


def _answer(pieces: AsyncIterator[str], form: Form, title: str, name: str) -> StreamingResponse:
    """Somebody else's words (I7): saved rather than shown, and in a sandbox where they are shown after all."""
    ending, kind = (".html", "text/html") if form is Form.HTML else (".txt", "text/plain")

    async def whole() -> AsyncIterator[str]:
        if form is Form.HTML:
            yield head(title)
        async for piece in pieces:
            yield piece
        if form is Form.HTML:
            yield FOOT

    headers = {
        "content-disposition": f'attachment; filename="{name}{ending}"',
        "content-security-policy": f"sandbox; {POLICY}",
        "referrer-policy": "no-referrer",
    }
    return StreamingResponse(whole(), media_type=f"{kind}; charset=utf-8", headers=headers)
