"""The one place where errors become HTTP statuses: RFC 9457 problem documents with a sentence for a person."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gateway.domain import errors

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 10  # a full disk or a busy database rarely clears sooner

STATUS: Mapping[type[errors.PosternError], int] = {
    errors.NotSignedIn: 401,
    errors.TooLarge: 413,
    errors.BadMessage: 422,
    errors.Refusal: 403,
    errors.NoSpace: 507,
    errors.TemporaryFailure: 503,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Faulty: 422,
    errors.UpstreamError: 502,
    errors.PosternError: 500,
}

SENTENCES = {
    400: "The request can't be read: check how it is written.",
    401: "Show a member's token that is good: `postern member token LOGIN` makes one, POSTERN_TOKEN holds it.",
    403: "This user may not use the admin socket: become root, the daemon's user, or a member of its admin group.",
    404: "There is nothing at this path: /openapi.json lists what there is.",
    405: "This can't be done with that path: /openapi.json lists what can.",
    408: "The request took too long to come in.",
    413: "The request is too large.",
    431: "The request's headers are too large.",
    500: "Something went wrong inside the gateway: its log says what.",
}

_log = structlog.get_logger()


def status_of(error: errors.PosternError) -> int:
    """The nearest class in the tree decides."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(
    status: int, detail: str = "", *, kind: str = "", headers: Mapping[str, str] | None = None, **more: object
) -> JSONResponse:
    """``kind`` is a stable word for programs, ``detail`` the sentence for a person."""
    return JSONResponse(_document(status, detail, kind) | more, status, headers, MEDIA_TYPE)


def bare_problem(status: int) -> bytes:
    """The same for a connection on which no application runs yet."""
    return json.dumps(_document(status, "", "")).encode()


def install(app: FastAPI) -> None:
    """Every way in which a request can fail gets its document."""
    app.add_exception_handler(errors.PosternError, _of_domain)
    app.add_exception_handler(RequestValidationError, _of_shape)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _of_surprise)


def _document(status: int, detail: str, kind: str) -> dict[str, object]:
    phrase = HTTPStatus(status).phrase
    return {
        "type": "about:blank",
        "title": phrase,
        "status": status,
        "kind": kind or phrase.lower().replace(" ", "-"),
        "detail": detail or SENTENCES.get(status, f"{phrase}."),
    }


async def _of_domain(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.PosternError)
    status = status_of(error)
    if error.detail or status >= 500:
        _log.warning("admin_refused", path=request.url.path, status=status, reason=error.sentence, detail=error.detail)
    kind = re.sub(r"(?<!^)([A-Z])", r"-\1", type(error).__name__).lower()
    headers = {"retry-after": str(RETRY_SECONDS)} if status in {503, 507} else None
    if isinstance(error, errors.Faulty):
        faults = [{"path": fault.path, "sentence": fault.sentence} for fault in error.faults]
        return problem(status, f"{error.what}: see the faults.", kind=kind, faults=faults)
    return problem(status, error.sentence, kind=kind, headers=headers)


async def _of_shape(_request: Request, error: Exception) -> JSONResponse:
    """Where a parameter or body has the wrong shape; what was sent is never repeated, it may hold a secret."""
    assert isinstance(error, RequestValidationError)
    faults = [
        {"path": ".".join(str(step) for step in fault["loc"]), "sentence": str(fault["msg"])}
        for fault in error.errors()
    ]
    return problem(400, kind="bad-request", faults=faults)


async def _of_http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 413:
        headers["connection"] = "close"
    return problem(error.status_code, headers=headers)


async def _of_surprise(_request: Request, _error: Exception) -> JSONResponse:
    return problem(500)
