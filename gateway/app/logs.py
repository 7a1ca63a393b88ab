"""How the gateway logs: one line an event on stderr, JSON where no person is watching, never a trace with values."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

QUIET = ("mail.log", "mail.debug", "aioimaplib", "aiosmtplib", "uvicorn", "asyncio", "alembic", "sqlalchemy")


def set_up(level: str, style: str) -> None:
    """``level`` as `logging` names it; ``style`` is "json", "text", or "auto": JSON unless stderr is a terminal."""
    person = style == "console" or (style == "auto" and sys.stderr.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    lines: list[Processor] = [
        structlog.processors.add_log_level,
        Stamp(),
        *(
            [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
            if person
            else [structlog.processors.format_exc_info, _as_json]
        ),
    ]
    structlog.configure(
        processors=lines,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,  # a reload may change the level
    )
    for name in QUIET:  # at DEBUG these libraries log content and credentials
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


class Stamp:
    """Adds the time in UTC (RFC 3339), to the microsecond; the date is written out once a second."""

    def __init__(self) -> None:
        self._known = -1, ""  # one value, as other threads log too

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        second, rest = divmod(time.time_ns(), 1_000_000_000)
        known, written = self._known
        if second != known:
            written = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._known = second, written
        event["timestamp"] = f"{written}.{rest // 1000:06}Z"
        return event


_write = json.JSONEncoder(default=repr).encode  # made once: `json.dumps` makes one for every line


def _as_json(logger: WrappedLogger, name: str, event: EventDict) -> str:
    return _write(event)
