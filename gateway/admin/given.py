"""What a route may ask for as a parameter: the services, the end of the face, who asks, and what they see."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Depends, Request

from gateway.admin.services import Services
from gateway.domain.access import Caller
from gateway.policy.walls import Walls


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _stopping(request: Request) -> asyncio.Event:
    stopping: asyncio.Event = request.app.state.stopping
    return stopping


def _asker(request: Request) -> str:  # not async, so it runs in a thread: the user database may block
    state = request.scope["state"]
    caller: Caller = state["caller"]
    name: str = f"member {caller.login}" if caller.login else state["peer"].name
    return name


def _walls(request: Request) -> Walls:
    caller: Caller = request.scope["state"]["caller"]
    return Walls(_services(request).office.firm, caller)


Given = Annotated[Services, Depends(_services)]
Stopping = Annotated[asyncio.Event, Depends(_stopping)]  # set when the face goes down: live streams end then
Asker = Annotated[str, Depends(_asker)]  # the member, or the user at the other end, for the activity trail
Behind = Annotated[Walls, Depends(_walls)]  # what of the firm the asker sees
