"""Mail that was in doubt, or unverified, and becomes certain: its attachments are documents, as if it had come so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.address import Address
from gateway.domain.firm import Client, Contact, ContactAddress, Firm
from gateway.domain.record import Location
from gateway.domain.verdict import Source, Standing, Verdict, Weighed
from gateway.inbound.approval import approve
from gateway.inbound.filing import Said, filing_of
from gateway.inbound.saving import Saving
from gateway.mime.header import Header
from gateway.office.filing import Clerk
from gateway.store.room import Room
from tests.rig import SUPPORT, Rig, client_letter, rig

FORGED = Weighed(Verdict(Standing.UNVERIFIED, "DMARC forbids it", Source.HERE))
Act = Callable[[Rig, int], Awaitable[None]]


def shared_by(r: Rig, *names: str) -> Firm:
    """Al's address is that of each of these clients."""
    al = (Contact("Al", (ContactAddress(Address("al", "pacino.example")),)),)
    return replace(r.firm, clients=tuple(Client(name, ("*",), al if name in names else ()) for name in ("One", "Two")))


async def arrive(r: Rig, *names: str, news: bool = True, saved: bool = True, weighed: Weighed | None = None) -> int:
    firm = shared_by(r, *names)
    await r.store.firm.replace(firm, [], "test", r.clock())
    raw = client_letter()
    item = filing_of(
        firm,
        replace(firm.mailboxes[0], save_attachments=saved),
        raw,
        Said.of(Header.read(raw)),
        location=Location(SUPPORT, "INBOX", 7, 1),
        cursor=None,
        now=r.clock(),
        announce=news,
        weighed=weighed,
    )
    assert item is not None
    number = (await r.store.record.file(item)).message
    assert await documents(r) == {}
    return number


async def documents(r: Rig) -> dict[str, list[str]]:
    """After all that is due; by client."""
    while await saving(r).some():
        pass
    found: dict[str, list[str]] = {}
    for one in await r.store.record.documents():
        found.setdefault(one.client, []).append(one.original_name)
    return found


def saving(r: Rig) -> Saving:
    return Saving(r.store, room=Room(2**20), now=r.clock)


async def by_a_change(r: Rig, number: int) -> None:
    await r.store.firm.replace(shared_by(r, "One"), [], "test", r.clock())


async def by_hand(r: Rig, number: int) -> None:
    await Clerk(r.store, firm=lambda: shared_by(r, "One", "Two"), now=r.clock).file(number, "One", by="ana")


async def by_a_change_to_another(r: Rig, number: int) -> None:
    """Nobody had it for certain before."""
    third = replace(shared_by(r), clients=(*shared_by(r).clients, replace(shared_by(r, "One").clients[0], name="Al")))
    await r.store.firm.replace(third, [], "test", r.clock())


@pytest.mark.parametrize("act", [by_a_change, by_hand])
async def test_mail_of_one_of_two_is_saved_for_whose_it_is_though_all_is_killed_in_between(
    tmp_path: Path, act: Act
) -> None:
    async with rig(tmp_path) as r:
        number = await arrive(r, "One", "Two")
        await act(r, number)
        await r.reopen()
        assert await documents(r) == {"One": ["statement.pdf"]}


async def test_mail_in_doubt_that_goes_to_a_third_is_saved_for_them(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await by_a_change_to_another(r, await arrive(r, "One", "Two"))
        assert await documents(r) == {"Al": ["statement.pdf"]}


@pytest.mark.parametrize(("news", "saved"), [(False, True), (True, False)])
async def test_history_and_what_came_while_nothing_was_saved_is_not_by_a_change(
    tmp_path: Path, news: bool, saved: bool
) -> None:
    async with rig(tmp_path) as r:
        await by_a_change(r, await arrive(r, "One", "Two", news=news, saved=saved))
        assert await documents(r) == {}


@pytest.mark.parametrize("act", [by_a_change, by_hand])
@pytest.mark.parametrize("first", ["approved", "filed"])
async def test_unverified_mail_in_doubt_is_saved_once_it_is_neither(tmp_path: Path, act: Act, first: str) -> None:
    async with rig(tmp_path) as r:
        number = await arrive(r, "One", "Two", weighed=FORGED)

        async def approved(r: Rig, number: int) -> None:
            await approve(r.store, number, by="ana", now=r.clock(), saving=saving(r))

        steps = [approved, act] if first == "approved" else [act, approved]
        await steps[0](r, number)
        assert await documents(r) == {}
        await steps[1](r, number)
        assert await documents(r) == {"One": ["statement.pdf"]}
