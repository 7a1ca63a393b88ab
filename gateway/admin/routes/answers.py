"""What answers have in common: how long a list may be, and bytes that no browser may run."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import Query
from fastapi.responses import Response

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
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "content-security-policy": "sandbox; default-src 'none'",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)
