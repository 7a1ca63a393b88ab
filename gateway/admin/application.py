"""The FastAPI application: all routes, and every way in which they fail."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

from gateway import __version__
from gateway.admin import problems, ruled
from gateway.admin.routes import (
    activity,
    backup,
    dkim,
    documents,
    feed,
    firm,
    importing,
    mail,
    mailboxes,
    pages,
    queue,
    rules,
    schedule,
    search,
    status,
    threads,
    tokens,
    verify,
    webhooks,
    wishes,
)
from gateway.admin.services import Services

NOUNS = (
    status,
    firm,
    tokens,
    activity,
    rules,
    mailboxes,
    dkim,
    mail,
    importing,
    threads,
    pages,
    search,
    documents,
    queue,
    schedule,
    feed,
    backup,
    verify,
    webhooks,
    wishes,
)


def build(services: Services, stopping: asyncio.Event) -> FastAPI:
    """One application; its description is at /openapi.json."""
    app = FastAPI(title="Postern", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.services = services
    app.state.stopping = stopping
    problems.install(app)
    for noun in NOUNS:
        ruled.check(noun.router)
        app.include_router(noun.router)
    return app
