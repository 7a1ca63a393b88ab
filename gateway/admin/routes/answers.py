"""What answers have in common: how long a list may be, and bytes that no browser may run."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Annotated
from urllib.parse import quote

from fastapi import Query
from fastapi.responses import Response, StreamingResponse

from gateway.domain.errors import Conflict
from gateway.domain.large import Large, Mail

MAX_PAGE = 500  # rows; a page of the largest takes a few milliseconds
PAGE = 50

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
MAX_ID = 2**63 - 1  # what SQLite and PostgreSQL call bigint
Number = Annotated[int, Query(ge=0, le=MAX_ID)]


def next_page(page: list[int] | list[str], limit: int) -> int | str | None:
    """The cursor behind a page, None after the last one."""
    return page[-1] if len(page) == limit else None


def served(content: bytes, name: str) -> Response:
    """Somebody else's bytes (I7): saved rather than shown, never sniffed, without rights where shown after all."""
    return Response(content, media_type=_OCTETS, headers=_inert(name))


def served_mail(mail: Mail, name: str) -> Response:
    """The same for a message; a large one leaves in pieces as they are read."""
    if isinstance(mail, bytes):
        return served(mail, name)
    headers = _inert(name) | {"content-length": str(len(mail))}
    return StreamingResponse(_pieces(mail), media_type=_OCTETS, headers=headers)


_OCTETS = "application/octet-stream"


def _inert(name: str) -> dict[str, str]:
    return {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "content-security-policy": "sandbox; default-src 'none'",
    }


async def _pieces(large: Large) -> AsyncIterator[bytes]:
    """The last one only where all together are what was stored: who asks sees that an answer that was cut is none."""
    digest, read = hashlib.sha256(), large.slices()  # closes its file where nobody wants more of it
    last = b""
    while piece := await asyncio.to_thread(_next, read, digest):
        if last:
            yield last
        last = piece
    if digest.hexdigest() != large.sha256:
        raise Conflict(
            "the stored bytes of this message were changed while they were read: `postern verify` names all such",
            detail=large.sha256,
        )
    yield last


def _next(pieces: Iterator[bytes], digest: hashlib._Hash) -> bytes:
    piece = next(pieces, b"")
    digest.update(piece)
    return piece
