"""How the gateway logs: one line an event on stderr, JSON where no person is watching, never a trace with values."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

QUIET = ("mail.log", "mail.debug", "aioimaplib", "aiosmtplib", "uvicorn", "asyncio", "alembic", "sqlalchemy")


def set_up(level: str, style: str) -> None:
    """``level`` as `logging` names it; ``style`` is "json", "text", or "auto": JSON unless stderr is a terminal."""
    person = style == "console" or (style == "auto" and sys.stderr.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if person
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,  # a reload may change the level
    )
    for name in QUIET:  # at DEBUG these libraries log content and credentials
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
