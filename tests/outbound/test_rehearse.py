"""Rehearsal: the verdict, its reasons, before and after; nothing is queued, kept or sent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.domain.errors import NotFound
from gateway.domain.firm import Rule, When
from gateway.mime.address import parse_address
from tests.outbound.test_hours import FRIDAY_NIGHT, keeping_hours
from tests.rig import AL, ANA, SUPPORT, Rig, letter, rig


async def untouched(r: Rig) -> bool:
    return await r.store.queue.list() == [] and await r.store.feed.after(0) == []


async def test_what_would_leave_is_shown_with_what_changed_and_nothing_is_kept(tmp_path: Path) -> None:
    rules = (
        Rule("to clients", When(to_client=True), send_as=parse_address(SUPPORT), display_name="Popescu"),
        Rule("too late", When(to_client=True), display_name="Other"),
        Rule("not for ana", When(member=("ion",)), bcc=(parse_address("archive@firm.example"),)),
    )
    async with rig(tmp_path, rules=rules) as r:
        raw = letter(sender=f"Ana Pop <{ANA}>")
        found = await r.rehearsal("ana", raw, None)
        assert found.refusal is None
        assert found.decision is not None
        assert (found.decision.identity, found.decision.mailbox.key) == ("rule", SUPPORT)
        assert found.recipients == (parse_address(AL),)
        verdicts = {one.name: (one.matched, one.acted) for one in found.rules}
        assert verdicts["to clients"] == (True, ("send_as", "display_name"))
        assert verdicts["too late"] == (True, ())
        assert verdicts["not for ana"] == (False, ())
        assert "ion" in next(one.why for one in found.rules if one.name == "not for ana")
        assert found.before == raw
        assert found.after is not None
        assert f"From: Popescu <{SUPPORT}>".encode() in found.after
        assert await untouched(r)


@pytest.mark.parametrize(
    ("raw", "recipients", "sentence"),
    [
        (letter(sender="Eve <eve@else.example>"), None, "may not send as eve@else.example"),
        (letter(to=""), None, "goes to nobody"),
        (b"From: a\rb\r\n\r\nx\r\n", (AL,), "carriage return"),
        (letter(), ("stranger@locked.example",), None),
    ],
)
async def test_a_refusal_is_told_in_its_sentence(
    tmp_path: Path, raw: bytes, recipients: tuple[str, ...] | None, sentence: str | None
) -> None:
    envelope = None if recipients is None else tuple(map(parse_address, recipients))
    async with rig(tmp_path) as r:
        found = await r.rehearsal("ana", raw, envelope)
        assert (found.refusal is None) == (sentence is None)
        assert sentence is None or sentence in (found.refusal or "")
        assert await untouched(r)


async def test_a_file_with_the_line_ends_of_unix_is_taken_for_what_it_is(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        assert (await r.rehearsal("ana", letter().replace(b"\r\n", b"\n"), None)).refusal is None


async def test_a_broken_rule_is_told_and_not_raised(tmp_path: Path) -> None:
    rules = (Rule("broken", When(), signature="gone"),)
    async with rig(tmp_path, rules=rules) as r:
        found = await r.rehearsal("ana", letter(), None)
        assert "gone" in (found.refusal or "")


async def test_a_rule_of_office_hours_shows_when_it_would_leave(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        assert (await r.rehearsal("ana", letter(), None)).leaves_at is None
        r.firm = keeping_hours(r.firm)
        r.clock.at = FRIDAY_NIGHT
        found = await r.rehearsal("ana", letter(), None)
        assert found.leaves_at == datetime(2026, 3, 16, 6, 30, tzinfo=UTC)
        assert found.rules[0].acted == ("office_hours",)


async def test_nobody_can_rehearse_as_nobody(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        with pytest.raises(NotFound, match="postern member list"):
            await r.rehearsal("eve", letter(), None)
