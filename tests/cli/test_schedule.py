"""`postern schedule`, and the way of one message on paper."""

from __future__ import annotations

from datetime import timedelta

from gateway.domain.history import Tried
from gateway.domain.mail import Delivery, Outcome, QueueState
from tests.admin.house import CLIENT, NOW, House
from tests.admin.test_schedule import BUCHAREST, schedule
from tests.cli.terminal import ask

AL = "al@pacino.example"


async def test_scheduled_mail_is_listed_on_the_firms_clock(house: House) -> None:
    await house.office.apply(BUCHAREST, by="test", at=NOW)
    await schedule(house, "summer", 60)
    await schedule(house, "winter", 1)
    of_client = ("schedule", "list", "--client", CLIENT)
    for asked in (("schedule", "list"), of_client, ("mail", "list", "--client", CLIENT, "--box", "scheduled")):
        lines = (await ask(house.socket, *asked)).out.splitlines()
        assert [line.split()[:4] for line in lines[1:]] == [
            ["winter", "2026-03-15", "17:09:26", "+0200"],
            ["summer", "2026-05-13", "18:09:26", "+0300"],
        ]
    page = await ask(house.socket, "mail", "list", "--client", CLIENT, "--box", "scheduled", "--before", "winter")
    assert [line.split()[0] for line in page.out.splitlines()] == ["ID", "summer"]
    assert len((await ask(house.socket, "schedule", "list", "--json")).json["scheduled"]) == 2
    assert (await ask(house.socket, "mail", "list", "--client", CLIENT, "--before", "winter")).code == 64


async def test_a_message_is_moved_and_taken_back(house: House) -> None:
    await house.office.apply(BUCHAREST, by="test", at=NOW)
    await schedule(house, "A", 2)
    moved = await ask(house.socket, "schedule", "change", "A", "--at", "tomorrow 9:00")
    assert moved.out == "A leaves at 2026-03-15 09:00:00 +0200.\n"
    refused = await ask(house.socket, "schedule", "change", "A", "--at", "some day")
    assert (refused.code, refused.out) == (65, "")
    assert "can't be read as a time" in refused.err
    assert (await ask(house.socket, "schedule", "cancel", "A")).out == "A was taken back: it never leaves.\n"
    late = await ask(house.socket, "schedule", "change", "--json", "A", "--at", "now")
    assert (late.code, late.out) == (65, "")
    assert "Nothing waits" in (await ask(house.socket, "schedule", "list")).err


async def test_the_way_of_a_message_is_shown_with_every_answer(house: House) -> None:
    await house.queue("A")
    await house.store.queue.claim(NOW, 1)
    busy = Outcome(Delivery.PENDING, 450, "4.2.1", "busy \x1b[31m", "rcpt")
    await house.store.queue.settle("A", QueueState.QUEUED, NOW + timedelta(minutes=1), outcomes={AL: busy})
    await house.store.history.add("A", Tried(NOW, 1, "127.0.0.1:1025", 0.0, 0.01234, 0.5, {AL: busy}))
    shown = await ask(house.socket, "queue", "show", "A")
    assert "tried once; next at 2026-03-14 15:10:26" in shown.out
    assert "127.0.0.1:1025  0.0 s/0.012 s/0.5 s  al@pacino.example  rcpt   450 4.2.1 busy" in shown.out
    assert "\x1b" not in shown.out
