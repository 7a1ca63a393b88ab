"""The office hours that a message has to keep, on the firm's clock."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.domain.errors import TemporaryFailure
from gateway.domain.firm import Firm
from gateway.domain.mail import Decision
from gateway.domain.schedule import OfficeHours


def hours_for(firm: Firm, decision: Decision) -> OfficeHours | None:
    """None where no rule asks for them, or the firm has none; TemporaryFailure where its time zone is not known here.

    A message that left at the wrong hour can't be taken back; one that is put off can still be sent.
    """
    if not decision.in_office_hours or firm.office_hours is None:
        return None
    return firm.office_hours.in_zone(zone_of(firm))


def zone_of(firm: Firm) -> tzinfo:
    """The firm's time zone; TemporaryFailure where this machine does not know it (any more)."""
    if firm.timezone == "UTC":  # known without the machine's tables
        return UTC
    try:
        return ZoneInfo(firm.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TemporaryFailure(
            f"This machine does not know the firm's time zone, {firm.timezone}. Ask an administrator to install tzdata."
        ) from error
