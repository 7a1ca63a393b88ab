"""Which office hours a message has to keep, and when it leaves then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import TemporaryFailure
from gateway.domain.firm import Firm, Rule
from gateway.domain.schedule import Opening
from gateway.outbound.hours import hours_for
from gateway.policy.rules import decide
from gateway.policy.schedule import release_at
from tests.rig import Rig, letter, rig

OPENING = Opening(time(8, 30), time(17, 30), holidays=frozenset({date(2026, 12, 25)}))
FRIDAY_NIGHT = datetime(2026, 3, 13, 20, 0, tzinfo=UTC)


async def leaves(r: Rig, now: datetime, extra: str = "") -> datetime:
    """When it would leave, by the firm as it stands."""
    prepared = await r.preparation.render(await r.preparation.authorise(r.submission(letter(extra=extra))))
    assert isinstance(prepared.raw, bytes)
    assert b"X-Postern" not in prepared.raw
    decision = decide(r.firm, prepared.authorised)
    return release_at(None, now, timedelta(0), hours_for(r.firm, decision))


def keeping_hours(firm: Firm, zone: str = "Europe/Bucharest") -> Firm:
    rules = (Rule("in office hours", office_hours=True),)
    return replace(firm, rules=rules, office_hours=OPENING, timezone=zone)


async def test_it_leaves_when_the_office_opens_on_the_firms_clock_unless_it_is_urgent(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        assert await leaves(r, FRIDAY_NIGHT) == FRIDAY_NIGHT
        r.firm = keeping_hours(r.firm)
        assert await leaves(r, FRIDAY_NIGHT) == datetime(2026, 3, 16, 6, 30, tzinfo=UTC)
        assert await leaves(r, FRIDAY_NIGHT, "X-Postern-Now: yes") == FRIDAY_NIGHT
        christmas_eve = datetime(2026, 12, 24, 16, 0, tzinfo=UTC)  # 18:00 on a Thursday
        assert await leaves(r, christmas_eve) == datetime(2026, 12, 28, 6, 30, tzinfo=UTC)
        r.firm = replace(r.firm, office_hours=None)
        assert await leaves(r, FRIDAY_NIGHT) == FRIDAY_NIGHT


async def test_a_zone_that_is_not_known_any_more_is_a_reason_to_come_back_later(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        r.firm = keeping_hours(r.firm, "UTC")
        prepared = await r.preparation.render(await r.preparation.authorise(r.submission(letter())))
        decision = decide(r.firm, prepared.authorised)
        with pytest.raises(TemporaryFailure, match="Mars/Base"):
            hours_for(replace(r.firm, timezone="Mars/Base"), decision)
