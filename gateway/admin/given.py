"""What a route may ask for as a parameter: the services, the end of the face, who asks, and what they see."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Depends, Request

from gateway.admin.services import Services
from gateway.domain.access import Caller
from gateway.policy.walls import Walls


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _stopping(request: Request) -> asyncio.Event:
    stopping: asyncio.Event = request.app.state.stopping
    return stopping


async def _asker(request: Request) -> str:
    state = request.scope["state"]
    caller: Caller = state["caller"]
    if caller.login:
        return f"member {caller.login}"
    name: str = await asyncio.to_thread(lambda: state["peer"].name)  # the user database may block
    return name


async def _walls(request: Request) -> Walls:
    caller: Caller = request.scope["state"]["caller"]
    return Walls((await _services(request)).office.firm, caller)


Given = Annotated[Services, Depends(_services)]
Stopping = Annotated[asyncio.Event, Depends(_stopping)]  # set when the face goes down: live streams end then
Asker = Annotated[str, Depends(_asker)]  # the member, or the user at the other end, for the activity trail
Behind = Annotated[Walls, Depends(_walls)]  # what of the firm the asker sees
