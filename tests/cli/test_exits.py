"""Every way in which a command fails: its exit code, one sentence on stderr, nothing on stdout."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.cli import daemon, exits
from gateway.cli.answer import Answer
from gateway.domain.errors import NoSpace, TemporaryFailure
from tests.admin.house import House
from tests.cli.terminal import ask, say

Answers = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["queue", "nonsense"],
        ["queue", "list", "--state", "lost"],
        ["queue", "hold"],
        ["mail", "list"],
        ["mail", "show", "x"],
        ["mail", "list", "--client", "x", "--limit", "0"],
        ["apply"],
        ["status", "--nonsense"],
        ["feed", "--after", "-1"],
        [],
        ["queue"],
    ],
)
def test_usage_is_64(arguments: list[str]) -> None:
    said = say(*arguments)
    assert said.code == 64
    assert said.out == ""
    assert "Usage: postern" in said.err


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["status", "--help"], ["queue", "-h"], ["--version"]])
def test_help_and_version_are_no_errors(arguments: list[str]) -> None:
    said = say(*arguments)
    assert said.code == 0
    assert "postern" in said.out
    assert said.err == ""


def test_the_version_needs_no_daemon() -> None:
    assert re.fullmatch(r"postern \d+\.\d+\.\d+\S*\n", say("version").out)
    assert set(say("version", "--json").json) == {"version"}


COMMANDS = [
    ("status",),
    ("export",),
    ("mailbox", "list"),
    ("mailbox", "show", "a@b.example"),
    ("member", "list"),
    ("client", "list"),
    ("rule", "list"),
    ("signature", "list"),
    ("mail", "list", "--client", "c"),
    ("mail", "show", "1"),
    ("mail", "raw", "1"),
    ("mail", "export", "--client", "c", "nowhere"),
    ("mail", "attachments", "1"),
    ("document", "list"),
    ("document", "list", "--csv"),
    ("document", "import", "--client", "c"),
    ("document", "get", "1"),
    ("document", "export", "--client", "c", "nowhere"),
    ("queue", "list"),
    ("queue", "show", "q"),
    ("queue", "hold", "q"),
    ("feed",),
    ("feed", "--follow"),
    ("backup", "nowhere"),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_daemon_that_is_not_there_is_69_with_what_to_do(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said = say("--socket", tmp_path / "none", *arguments)
    assert (said.code, said.out) == (69, "")
    assert said.err == f"No daemon answers at {tmp_path / 'none'}: start it with `postern serve --config FILE`.\n"


def test_the_socket_of_a_dead_daemon_is_69(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    assert say("--socket", tmp_path / "s", "status").code == 69


def test_what_is_no_socket_is_69(tmp_path: Path) -> None:
    said = say("--socket", tmp_path, "status")
    assert (said.code, f"No daemon answers at {tmp_path}" in said.err) == (69, True)


def test_without_a_name_the_installed_socket_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTERN_SOCKET", raising=False)
    monkeypatch.setattr(daemon, "DEFAULT_SOCKET", tmp_path / "admin.sock")
    said = say("status")
    assert said.code == 69
    assert "--socket PATH or POSTERN_SOCKET" in said.err


async def test_the_socket_is_named_before_or_behind_the_command_or_in_the_environment(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POSTERN_SOCKET", str(house.socket))
    assert (await asyncio.to_thread(say, "status")).code == 0
    monkeypatch.setenv("POSTERN_SOCKET", str(tmp_path / "none"))
    assert (await asyncio.to_thread(say, "status", "--socket", house.socket)).code == 0
    assert (await asyncio.to_thread(say, "--socket", house.socket, "status")).code == 0
    assert (await asyncio.to_thread(say, "status")).code == 69


async def test_a_proxy_in_the_environment_is_not_asked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await ask(house.socket, "status")).code == 0


AS_NOBODY = """
import os, sys
from gateway.cli import run
import gateway.cli.tree, httpx2, httpcore2, gateway.admin.unix, gateway.cli.clean, encodings.idna
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(run(["--socket", sys.argv[1], "status"]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_U1_who_may_not_is_told_so_with_77(house: House) -> None:
    for folder in (house.socket.parent, *house.socket.parent.parents[:2]):
        folder.chmod(0o755)
    for mode in (0o660, 0o666):
        house.socket.chmod(mode)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", AS_NOBODY, str(house.socket)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert (process.returncode, out) == (77, b""), err.decode()
        assert b"become root" in err


@pytest.mark.parametrize(
    ("error", "code"),
    [(TemporaryFailure("The database is busy."), 75), (NoSpace("The disk is full."), 75), (RuntimeError("x"), 70)],
)
async def test_trouble_inside_the_daemon_is_75_or_70(house: House, error: Exception, code: int) -> None:
    async def broken() -> object:
        raise error

    object.__setattr__(house.server._services, "status", broken)
    said = await ask(house.socket, "status")
    assert (said.code, said.out) == (code, "")
    assert len(said.err.splitlines()) == 1


async def _served(path: Path, answer: bytes, *arguments: str) -> tuple[int, str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except asyncio.IncompleteReadError:
            pass  # who only looked whether somebody is there
        finally:
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_unix_server(serve, path)
    async with server:
        said = await ask(path, *arguments)
    assert said.out == ""
    return said.code, said.err


@pytest.mark.parametrize("command", [("status",), ("feed", "--follow")], ids=" ".join)
async def test_a_daemon_that_hangs_up_is_75(tmp_path: Path, command: tuple[str, ...]) -> None:
    code, err = await _served(tmp_path / "s", b"", *command)
    assert (code, "hung up" in err) == (75, True)


@pytest.mark.parametrize("command", [("status",), ("feed", "--follow")], ids=" ".join)
async def test_a_refusal_that_is_no_problem_document_has_a_sentence_all_the_same(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    answer = b"HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\noops!"
    code, err = await _served(tmp_path / "s", answer, *command)
    assert (code, "HTTP 500" in err) == (70, True)


@pytest.mark.parametrize("body", [b"[]", b'{"health": "well"}', b"<html>", b'{"queue": []}'])
async def test_an_answer_of_another_version_is_70(tmp_path: Path, body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    code, err = await _served(tmp_path / "s", answer, "status")
    assert (code, "same version" in err) == (70, True)


async def test_a_daemon_that_does_not_answer_is_75(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "ANSWER_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "s"))
        deaf.listen()
        said = await ask(tmp_path / "s", "status")
    assert (said.code, "did not answer in time" in said.err) == (75, True)


def test_answers_are_read_with_types() -> None:
    answer = Answer({"n": 1, "flag": True, "none": None, "list": ["a"], "part": {"x": "y"}})
    assert (answer.number("n"), answer.flag("flag"), answer.text("none"), answer.words("list")) == (1, True, "", ["a"])
    part = answer.part("part")
    assert part is not None
    assert part.text("x") == "y"
    assert answer.part("none") is None
    for wrong in (lambda: answer.number("none"), lambda: answer.words("n"), lambda: answer.parts("list")):
        with pytest.raises(exits.Failed):
            wrong()


def test_check_shows_every_fault_with_its_path_and_is_78(tmp_path: Path) -> None:
    settings = tmp_path / "postern.toml"
    settings.write_text('[submission]\nlisten = ["nowhere"]\nmax_message_size = "much"\n[nonsense]\n')
    said = say("check", "--config", settings)
    assert said.code == 78
    paths = {line.split(":")[0] for line in said.err.splitlines()}
    assert {"data_dir", "submission.listen[0]", "submission.max_message_size", "nonsense"} <= paths
    as_json = say("check", "--json", "--config", settings)
    assert as_json.code == 78
    assert {fault["path"] for fault in as_json.json["faults"]} <= paths
    assert say("check", "--config", tmp_path / "none.toml").code == 78


def test_check_of_good_settings_is_0(tmp_path: Path) -> None:
    settings = tmp_path / "postern.toml"
    settings.write_text(f'data_dir = "{tmp_path}/data"\n')
    assert say("check", "--config", settings).out == f"{settings}: no fault.\n"
    assert say("check", "--json", "--config", settings).json == {"faults": []}


def test_a_wrong_account_or_fault_of_the_trial_is_64() -> None:
    for arguments in (("--account", "nonsense"), ("--fault", "smtp:tea=drop")):
        said = say("trial", "--provider-only", "--once", *arguments)
        assert (said.code, said.out) == (64, "")
        assert "postern trial --help" in said.err


def test_the_trial_provider_says_its_ports() -> None:
    said = say("trial", "--provider-only", "--once", "--account", "a@b.example:secret")
    assert said.code == 0
    assert re.search(r"SMTP 127\.0\.0\.1:\d+", said.out)


def test_help_and_status_load_nothing_heavy_before_they_must() -> None:
    program = "import sys; from gateway.cli import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stderr.split()
    heavy = {"httpx2", "ssl", "rich", "asyncio", "fastapi", "uvicorn", "sqlalchemy", "pydantic", "structlog", "jinja2"}
    assert heavy.isdisjoint(loaded)
