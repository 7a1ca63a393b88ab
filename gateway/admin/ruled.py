"""Routes that say what they ask for: no route without a right, and no answer before it was looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from gateway.domain.access import Caller
from gateway.policy.walls import Right, require

KEY = "x-right"  # in the description, so that who reads it knows who may


def asks(right: Right) -> dict[str, Any]:
    """For a route's ``openapi_extra``: what it asks for."""
    return {KEY: right.value}


class RuledRoute(APIRoute):
    """Looks at who asks before anything of the request is read."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        inner, right = super().get_route_handler(), right_of(self)

        async def handler(request: Request) -> Response:
            caller: Caller = request.scope["state"]["caller"]
            require(caller, right)
            return await inner(request)

        return handler


def right_of(route: APIRoute) -> Right:
    """LookupError for a route that does not say: the application is not built with it."""
    said = (route.openapi_extra or {}).get(KEY)
    if said is None:
        raise LookupError(f"{route.path} does not say what it asks for: give it openapi_extra=asks(Right.…)")
    return Right(said)


def router(tag: str) -> APIRouter:
    """For one noun."""
    return APIRouter(tags=[tag], route_class=RuledRoute)


def check(noun: APIRouter) -> None:
    """LookupError for a route whose right nobody would look at."""
    for route in noun.routes:
        ruled = isinstance(route, RuledRoute) and right_of(route)
        if not ruled:
            raise LookupError(f"{route} is not ruled: make its router with `ruled.router`")
