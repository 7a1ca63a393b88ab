"""What a route may ask for as a parameter: the services, the end of the face, and who asks."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Depends, Request

from gateway.admin.services import Services


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _stopping(request: Request) -> asyncio.Event:
    stopping: asyncio.Event = request.app.state.stopping
    return stopping


def _asker(request: Request) -> str:  # not async, so it runs in a thread: the user database may block
    name: str = request.scope["state"]["peer"].name
    return name


Given = Annotated[Services, Depends(_services)]
Stopping = Annotated[asyncio.Event, Depends(_stopping)]  # set when the face goes down: live streams end then
Asker = Annotated[str, Depends(_asker)]  # the user at the other end, for the activity trail
