"""Real bounces in a real mailbox: each re-addressed to a message that we sent, told from its header, filed and told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.domain.mail import Delivery
from gateway.domain.record import EventKind, Mark
from tests.corpus import needs_corpus
from tests.inbound.bounces import readdressed, sent
from tests.inbound.test_on_dovecot import WAIT, _following
from tests.peers.ca import Ca
from tests.peers.dovecot import Dovecot
from tests.rig import AL, rig
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.corpus, needs_corpus]

ADDRESS = "bounced@firm.example"
# With a report and without one, with From <>, the original as a part and within the text.
REAL = {
    "sisimai/a5ab13798f36ac8c.eml": "5.1.8",  # Exchange Online
    "sisimai/a8a0af8a729e56e5.eml": "4.0.0",  # Gmail
    "sisimai/ae810cbd87611a1d.eml": "5.2.2",  # Gmail before it wrote reports
    "sisimai/9b058c53744a5593.eml": "5.1.1",  # GMX
    "sisimai/82668bf85df67d79.eml": "5.0.0",  # Exim
    "sisimai/d88f6b1ff13aef65.eml": "5.1.1",  # Yandex
    "sisimai/d07f2a7881802a97.eml": "5.2.3",  # From: MAILER-DAEMON <>
    "sisimai/b9f6b0eb3dc42cc4.eml": "5.0.0",  # multipart/mixed
}


async def test_real_bounces_are_tied_to_what_we_sent_and_the_mailbox_is_left_as_it_was(
    tmp_path: Path, dovecot: Dovecot, ca: Ca
) -> None:
    await asyncio.to_thread(dovecot.add_user, ADDRESS)
    async with rig(tmp_path) as r, _following(r, ADDRESS, dovecot, ca) as followed:
        await followed.live()
        entries = [await sent(r, subject=f"Letter {number}") for number, _ in enumerate(REAL)]
        for entry, name in zip(entries, REAL, strict=True):
            await asyncio.to_thread(dovecot.deliver, ADDRESS, readdressed(name, entry.message_id))

        async def all_told() -> bool:
            return len(await r.store.feed.after(0)) == len(REAL)

        await until(all_told, timeout=WAIT, what="the bounces in the feed")
        assert {event.kind for event in await r.store.feed.after(0)} == {EventKind.BOUNCE}
        for entry, status in zip(entries, REAL.values(), strict=True):
            (later,) = (await r.store.history.of(entry.id)).came_back
            assert (later.address, later.outcome.delivery, later.outcome.status) == (AL, Delivery.FAILED, status)
        assert [one.flags for one in await r.store.record.list("Al Pacino", None)] == [(Mark.BOUNCE,)] * len(REAL)
        seen = await asyncio.to_thread(dovecot.doveadm, "search", "-u", ADDRESS, "mailbox", "INBOX", "seen")
        assert seen.strip() == ""
