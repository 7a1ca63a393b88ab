"""A change refiles stored mail in slices: what comes in between is right, and what is killed in between goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.errors import NoSpace, NotFound
from gateway.domain.record import Location, NewFiling
from gateway.inbound.filing import Said, whose
from gateway.mime.facts import facts
from gateway.mime.header import Header
from gateway.office.office import Office
from gateway.store.store import Store
from tests.office.shelf import NOON, Between, Cut
from tests.office.test_refiling import AL, NOTARY, OWN, Desk, client, desk
from tests.store.making import KEY
from tests.waiting import until

__all__ = ["desk"]  # a fixture

MESSAGES = 12
CHILD = """
import asyncio, os, sys
from pathlib import Path
from gateway.office.office import Office
from gateway.store.store import Store
from tests.office.shelf import NOON, Between
from tests.office.test_refiling import AL, client
from tests.store.making import KEY

async def main():
    store = await Store.open(Path(sys.argv[1]), url=None, key=KEY)
    store.firm.hold = 0
    office = Office(store.firm)
    await office.load()
    async def said():
        os.write(1, b"slice\\n")
        await asyncio.to_thread(os.read, 0, 1)
    between = Between(store.firm)
    between.acts = [said] * 100
    office = Office(between)
    await office.load()
    await office.apply({"client": [client("Al"), client("Diane", AL)]}, by="ana", at=NOON)

asyncio.run(main())
"""


def slowly(desk: Desk, *acts: Callable[[], Awaitable[None]]) -> None:
    """A slice is one message, and one of these is done after the turn and after each."""
    desk.store.firm.hold = 0
    between = Between(desk.store.firm)
    between.acts = list(acts)
    firm = desk.office.firm
    desk.office = Office(between)
    desk.office._firm = firm


async def lies(store: Store, *names: str) -> list[list[int]]:
    return [sorted(one.message.id for one in await store.record.list(name, None)) for name in names]


async def steps(store: Store) -> list[tuple[str, str, str]]:
    return [(one.name, one.verb, one.what) for one in await store.activity.list(50) if one.kind == "step"]


async def test_an_answer_that_comes_while_what_it_answers_is_moved_goes_along(desk: Desk) -> None:
    numbers = [await desk.mail(AL) for _ in range(4)]
    came: list[int] = []

    async def answered() -> None:
        came.append(await desk.mail(NOTARY, answers="<4@m>"))

    async def nothing() -> None: ...

    slowly(desk, nothing, answered)
    await desk.apply(client("Al"), client("Diane", "d@keaton.example", AL))
    assert await lies(desk.store, "Al", "Diane") == [[], sorted(numbers + came)]
    assert (await desk.of("Diane"))[came[0]] == ("by thread",)


async def test_what_a_tail_sees_again_meanwhile_is_the_steps_and_goes_with_its_undoing(desk: Desk) -> None:
    numbers = [await desk.mail(AL) for _ in range(3)]
    raw = await desk.store.record.raw(numbers[-1])

    async def seen_again() -> None:
        matches = whose(desk.office.firm, Said.of(Header.read(raw)))
        item = NewFiling(
            raw=raw,
            facts=facts(raw),
            clients=tuple((one.client, one.direction) for one in matches),
            filed_at=NOON,
            location=Location("other@firm.example", "INBOX", 7, 1),
            revision=desk.office.firm.revision,
        )
        await desk.store.record.file(item)

    slowly(desk, seen_again)
    made = await desk.apply(client("Al"), client("Diane", AL))
    assert await lies(desk.store, "Al", "Diane") == [[], numbers]
    assert (await steps(desk.store))[0] == (str(made.step), "applied", "3 filed, 3 taken out")
    await desk.undo(made.step)
    assert await lies(desk.store, "Al", "Diane") == [numbers, []]


@pytest.mark.parametrize("cuts", range(6))
async def test_a_step_that_is_cut_is_gone_on_with_before_anything_else_and_is_one_step(desk: Desk, cuts: int) -> None:
    numbers = [await desk.mail(AL) for _ in range(3)]
    await desk.mail(NOTARY, to=f"{OWN}, {AL}")

    async def nothing() -> None: ...

    async def cut() -> None:
        raise Cut

    slowly(desk, *[nothing] * cuts, cut)
    try:
        await desk.apply(client("Al"), client("Diane", AL))
    except Cut:
        assert (await steps(desk.store))[0][0] == "1" or cuts == 4
    office = Office(desk.store.firm)
    await office.load()
    with pytest.raises(NotFound):
        await office.undo(99, by="ana", at=NOON)
    assert await lies(desk.store, "Al", "Diane") == [[], [*numbers, 4]]
    assert (await steps(desk.store))[0] == ("2", "applied", "4 filed, 4 taken out")
    await office.undo(2, by="ana", at=NOON)
    assert await lies(desk.store, "Al", "Diane") == [[*numbers, 4], []]


async def test_a_full_disk_between_slices_is_told_and_gone_on_with_by_itself(desk: Desk) -> None:
    numbers = [await desk.mail(AL) for _ in range(3)]

    async def nothing() -> None: ...

    async def full() -> None:
        raise NoSpace("There is no room left on the disk.")

    slowly(desk, nothing, nothing, full)
    with pytest.raises(NoSpace, match="Step 2 is made, but not all stored mail is refiled yet"):
        await desk.apply(client("Al"), client("Diane", AL))
    assert [one.name for one in desk.office.firm.clients] == ["Al", "Diane"]
    assert desk.office.firm.client_by_name["Diane"].addresses != ()
    going_on = asyncio.create_task(desk.office.run())

    async def done() -> bool:
        return await lies(desk.store, "Al", "Diane") == [[], numbers]

    await until(done, what="the rest of the step")
    going_on.cancel()


@pytest.mark.parametrize("slices", range(0, MESSAGES + 1, 3))
async def test_A1_a_step_is_whole_after_kill_9_between_any_slices(tmp_path: Path, slices: int) -> None:
    store = await Store.open(tmp_path, url=None, key=KEY)
    made = Desk(store)
    firm: dict[str, Any] = {"firm": {"name": "F"}, "member": [{"login": "ana", "name": "Ana", "role": "owner"}]}
    await made.apply(client("Al", AL), client("Diane"), **firm)
    numbers = [await made.mail(AL) for _ in range(MESSAGES)]
    await store.close()
    run_and_kill(tmp_path, slices)
    store = await Store.open(tmp_path, url=None, key=KEY)
    done = await lies(store, "Al", "Diane")
    assert sorted(done[0] + done[1]) == numbers
    assert len(done[1]) in {slices, slices + 1}, "so much was on the disk when it was killed"
    office = Office(store.firm)
    assert (await office.load()).client_by_name["Al"].addresses == (), "the change itself was made at once"
    async for _ in store.firm.refile():
        pass
    assert await lies(store, "Al", "Diane") == [[], numbers]
    assert (await steps(store))[0] == ("2", "applied", f"{MESSAGES} filed, {MESSAGES} taken out")
    await office.undo(2, by="ana", at=NOON)
    assert await lies(store, "Al", "Diane") == [numbers, []]
    assert await store.verify() == []
    await store.close()


def run_and_kill(folder: Path, slices: int) -> None:
    """After the turn and so many slices."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert child.stdout is not None
    assert child.stdin is not None
    seen = 0
    for line in child.stdout:
        if line != b"slice\n":
            continue
        if seen == slices:
            break
        seen += 1
        child.stdin.write(b".")
        child.stdin.flush()
    child.kill()
    child.stdin.close()
    child.stdout.close()
    assert child.wait(10) == -signal.SIGKILL
