"""Commands as members: each shows what its token may see, and says 77 where there is none that is good."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import click
import pytest

from gateway.cli.tree import root
from tests.admin.walled import Walled, secret, walled
from tests.cli.terminal import ask


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Walled]:
    async with walled(tmp_path) as built:
        yield built


LOCAL = frozenset({"serve", "check", "restore", "trial", "version"})  # they ask no daemon
ONE_OF = frozenset({"sent"})  # options of which one must be said
ARGUMENTS: Mapping[str, Callable[[Walled], str]] = {
    "message_id": lambda made: str(made.messages["Beta"]),
    "message_ids": lambda made: str(made.messages["Beta"]),
    "document_id": lambda made: str(made.documents["Beta"]),
    "queue_id": lambda made: made.entries["Beta"],
    "sent": lambda made: made.entries["Beta"],
    "queue_ids": lambda made: made.entries["Beta"],
    "client": lambda made: "Beta",
    "old": lambda made: "Beta",
    "new": lambda made: "Alpha",
    "query": lambda made: "secret",  # a word of every client's mail
    "address": lambda made: "ion@firm.example",
    "thread": lambda made: str(made.threads["Beta"]),
    "number": lambda made: str(made.events["Beta"]),
    "login": lambda made: "ana",
    "step": lambda made: "1",
}


def commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*words, name))
    else:
        yield words, command


def arguments(made: Walled, command: click.Command, folder: Path) -> list[str]:
    """Something of a closed client for each thing that must be said."""
    letter, file = folder / "letter", folder / "firm.toml"
    letter.write_text("Subject: x\n\nx\n")
    file.write_text('[firm]\nname = "Other"\n')
    others = {
        "folder": str(folder / "new"),
        "files": str(file),
        "file": str(letter),
        "domain": "firm.example",
        "when": "in 2 days",
        "url": "https://firm.example/",
    }
    found: list[str] = []
    for parameter in command.params:
        if not parameter.required and parameter.name not in ONE_OF:
            continue
        name = parameter.name or ""
        made_of = ARGUMENTS.get(name)
        value = made_of(made) if made_of else others.get(name, "ana")
        found += [parameter.opts[0], value] if isinstance(parameter, click.Option) else [value]
    return found


@pytest.mark.parametrize("login", ["olga", "ana", "none"])
async def test_U3_no_command_shows_anything_of_a_closed_client(
    made: Walled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    token = made.tokens.get(login, "postern_000000000000_" + "A" * 43)
    wrong: list[object] = []
    walked = [one for one in commands(root) if one[0][0] not in LOCAL and "token" not in one[0]]
    assert len(walked) > 30
    for words, command in walked:
        if words[-1] in {"stop", "test", "sync"} or words == ("feed",):
            continue
        monkeypatch.setenv("POSTERN_TOKEN", token)
        said = await ask(made.house.socket, *words, *arguments(made, command, tmp_path))
        text = said.out + said.err
        if said.code == 64:
            wrong.append((words, "was not walked", text))
        if secret("Beta") in text or (login == "none" and said.code != 77):
            wrong.append((words, said.code, text))
    assert wrong == []


async def test_a_command_takes_the_token_of_a_file_that_is_its_users_alone(
    made: Walled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTERN_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "postern").mkdir()
    file = tmp_path / "postern" / "token"
    file.write_text(made.tokens["ana"] + "\n")
    file.chmod(0o600)
    said = await ask(made.house.socket, "client", "list", "--json")
    assert [one["name"] for one in said.json["clients"]] == ["Alpha", "Gamma"]
    file.chmod(0o640)
    said = await ask(made.house.socket, "client", "list")
    assert (said.code, "chmod 600" in said.err) == (77, True)
    monkeypatch.setenv("POSTERN_TOKEN_FILE", str(tmp_path / "nowhere"))
    assert (await ask(made.house.socket, "client", "list")).code == 77


async def test_a_token_is_made_and_revoked_by_a_command(made: Walled, monkeypatch: pytest.MonkeyPatch) -> None:
    said = await ask(made.house.socket, "member", "token", "ana", "--expires", "30d")
    token = said.out.strip()
    assert (said.code, token[:8], token in said.err) == (0, "postern_", False)
    assert "Good until 2026-04-13" in said.err
    monkeypatch.setenv("POSTERN_TOKEN", token)
    assert (await ask(made.house.socket, "export")).code == 77
    assert (await ask(made.house.socket, "member", "token", "ana", "--revoke")).code == 0
    assert (await ask(made.house.socket, "client", "list")).code == 77
    monkeypatch.delenv("POSTERN_TOKEN")
    assert (await ask(made.house.socket, "member", "token", "ana", "--revoke")).code == 65
    assert (await ask(made.house.socket, "member", "token", "ana", "--revoke", "--expires", "1d")).code == 64
    listed = await ask(made.house.socket, "activity", "--limit", "2")
    assert "token revoked" in listed.out
    assert "token made, good until 2026-04-13 15:09 UTC" in listed.out
