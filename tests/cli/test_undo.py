"""`postern apply --dry-run` and `postern undo`, as a person at a terminal sees them."""

from __future__ import annotations

from pathlib import Path

from tests.admin.house import CLIENT, House
from tests.cli.terminal import ask

MOVED = """
[[client]]
name = "Al Pacino"
members = ["ana"]

[[client]]
name = "Diane"
members = ["ana"]
contacts = [{ name = "Al", addresses = [{ address = "al@pacino.example" }, { address = "d@keaton.example" }] }]
"""


async def test_a_change_is_shown_made_and_taken_back(house: House, tmp_path: Path) -> None:
    number = await house.file()
    file = tmp_path / "moved.toml"
    file.write_text(MOVED)
    dry = await ask(house.socket, "apply", "--dry-run", file)
    listed = f"{number}  2026-03-14T15:00:00Z  out of Al Pacino, into Diane: "
    expected = [
        "client Al Pacino changed: contacts",
        "client Diane added",
        "mail of Al Pacino: 1 would leave",
        "mail of Diane: 1 would move here",
        "mail: 1 message would move from Al Pacino to Diane",
        listed,
        "history: mail with d@keaton.example would be looked for in support@firm.example; how much there is, only the",
        "2 changes would be made; nothing was changed.",
    ]
    lines = dry.out.splitlines()
    assert len(lines) == len(expected)
    assert all(line.strip().startswith(words) for line, words in zip(lines, expected, strict=True)), dry.out
    assert "\x1b" not in dry.out, "a subject is somebody else's words"
    assert (dry.err, [one.message.id for one in await house.store.record.list(CLIENT, None)]) == ("", [number])

    made = await ask(house.socket, "apply", file)
    assert "mail: 1 message moved from Al Pacino to Diane" in made.out
    assert made.err == "This was step 2: `postern undo 2` takes it back.\n"
    listing = await ask(house.socket, "activity")
    assert "1 filed, 1 taken out" in listing.out
    assert await house.store.record.list(CLIENT, None) == []

    rehearsed = await ask(house.socket, "undo", "2", "--dry-run")
    assert "mail: 1 message would move from Diane to Al Pacino" in rehearsed.out
    assert rehearsed.out.endswith("2 changes would be made; nothing was changed.\n")
    undone = await ask(house.socket, "undo", "2", "--json")
    assert (undone.json["step"], undone.json["record"]["moves"]) == (
        3,
        [{"from": "Diane", "to": "Al Pacino", "messages": 1}],
    )
    assert [one.message.id for one in await house.store.record.list(CLIENT, None)] == [number]
    again = await ask(house.socket, "undo", "2")
    assert (again.code, again.err) == (65, "Step 2 was taken back by step 3.\n")
    assert (await ask(house.socket, "undo", "77")).code == 65
