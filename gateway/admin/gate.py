"""The first look at every request: who asks, and whether it is small and plain enough to go on.

The kernel says who connected: root, the daemon's user and the admin group pass, and nobody else, token or no token.
Who shows a member's token is that member from there on, and sees no more for being root; a token that is not good opens
nothing. Who shows none is an operator, unless they are of the admin group and the settings ask that group for tokens.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.admin.peer import Door, Peer
from gateway.admin.problems import problem
from gateway.domain.access import OPERATOR, Caller
from gateway.domain.errors import PosternError
from gateway.office.importing import LARGEST

MAX_BODY = 8 * 1024 * 1024  # octets; a firm file with a few logos in base64 has under one million
MAX_MESSAGE = LARGEST  # octets where the body is a message
MAX_HEADERS = 64  # fields; a browser sends about twenty

Recognise = Callable[[str], Awaitable[Caller | None]]
_IMPORT = re.compile(r"/v1/clients/.+/messages/import", re.DOTALL)
_BEARER = "bearer "  # RFC 6750 section 2.1; the scheme's case does not count, RFC 9110 section 11.1

_log = structlog.get_logger()


class Gate:
    """ASGI middleware that stands outside of everything else, so that nothing runs for those who may not."""

    def __init__(self, app: ASGIApp, door: Door, recognise: Recognise) -> None:
        self._app = app
        self._door = door
        self._recognise = recognise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = await self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        try:
            await self._app(scope, _bounded(receive, _room(scope)), send)
        except Exception:  # noqa: BLE001 - the answer, a bare 500, has been given; what remains is to know of it
            _log.exception("admin_failed", method=scope["method"], path=scope["path"])

    async def _refusal(self, scope: Scope) -> Response | None:
        peer: Peer | None = scope["state"].get("peer")
        if peer is None or not await asyncio.to_thread(self._door.lets_in, peer):
            _log.warning("admin_stranger", uid=peer and peer.uid, pid=peer and peer.pid)
            return problem(403, headers={"connection": "close"})
        status = _misfit(scope)
        return problem(status, headers={"connection": "close"}) if status else await self._identify(scope, peer)

    async def _identify(self, scope: Scope, peer: Peer) -> Response | None:
        """Puts the caller into the scope, and the way to ask again whether they still are that one."""
        shown = Headers(scope=scope).getlist("authorization")
        again = partial(self._caller, peer, shown)
        try:
            caller = await again()
        except PosternError as error:
            _log.warning("admin_not_recognised", reason=error.sentence, detail=error.detail)
            return problem(503)
        if caller is None:
            _log.warning("admin_no_token" if not shown else "admin_bad_token", uid=peer.uid, pid=peer.pid)
            return problem(401, headers={"www-authenticate": 'Bearer realm="postern"'})
        scope["state"]["caller"], scope["state"]["again"] = caller, again
        return None

    async def _caller(self, peer: Peer, shown: list[str]) -> Caller | None:
        if not shown:
            return OPERATOR if await asyncio.to_thread(self._door.is_operator, peer) else None
        if len(shown) > 1 or not shown[0].lower().startswith(_BEARER):
            return None
        return await self._recognise(shown[0][len(_BEARER) :].strip())


def _misfit(scope: Scope) -> int | None:
    headers = Headers(scope=scope)
    if len(scope["headers"]) > MAX_HEADERS:
        return 431
    if "content-length" in headers and "transfer-encoding" in headers:
        return 400  # two framings are how requests are smuggled, RFC 9112 section 6.1
    if not scope["raw_path"].startswith(b"/"):
        return 400  # absolute-form is for proxies
    return 413 if int(headers.get("content-length", "0")) > _room(scope) else None


def _room(scope: Scope) -> int:
    """How many octets a body may have."""
    return MAX_MESSAGE if scope["method"] == "POST" and _IMPORT.fullmatch(scope["path"]) else MAX_BODY


def _bounded(receive: Receive, most: int) -> Receive:
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413)
        return message

    return bounded
