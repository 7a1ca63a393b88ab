"""Connections for sent copies are kept while copies keep coming, never with settings of before, never after trouble."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.errors import CommandRefused, PosternError
from gateway.domain.firm import Secret
from gateway.outbound.sent_sessions import SentSessions
from tests.rig import SUPPORT, letter, rig


async def test_the_next_copy_goes_over_the_same_connection_until_it_is_closed(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        mailbox, sessions = r.firm.mailbox_by_key[SUPPORT], SentSessions(lambda: None)
        async with sessions.lent(mailbox) as first:
            await first.session.append(first.folder, letter())
        async with sessions.lent(mailbox) as second:
            assert second is first
        await sessions.close()
        assert not sessions.any_open
        async with sessions.lent(mailbox) as third:
            assert third is not first
        sessions.abort()


async def test_a_connection_that_made_trouble_is_not_used_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        mailbox, sessions = r.firm.mailbox_by_key[SUPPORT], SentSessions(lambda: None)
        with pytest.raises(CommandRefused):
            async with sessions.lent(mailbox) as sent:
                await sent.session.examine("there is no such folder")
        assert not sessions.any_open


async def test_a_changed_account_is_signed_in_anew(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        mailbox, sessions = r.firm.mailbox_by_key[SUPPORT], SentSessions(lambda: None)
        async with sessions.lent(mailbox):
            pass
        with pytest.raises(PosternError):
            async with sessions.lent(replace(mailbox, password=Secret("another"))):
                pass
        assert not sessions.any_open
