"""`postern trial` from the outside: the whole way there and back, twice on one folder, and its clean end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proxy.talk import Talk

WITHIN = 90.0  # seconds for a story on two busy cores; it takes about five
STEPS = 12


@pytest.fixture(autouse=True)
def _one_at_a_time(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A trial takes the port that it finds free: of two that begin at once one may find it taken when it binds it."""
    with (tmp_path_factory.getbasetemp().parent / "trial").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


async def trial(*arguments: str) -> Process:
    command = (sys.executable, "-m", "gateway", "trial", *arguments)
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT)


async def told(*arguments: str) -> tuple[int | None, str]:
    """Run a trial to its end; return its exit code and what it said."""
    process = await trial(*arguments)
    async with asyncio.timeout(WITHIN):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_the_story_is_played_twice_on_the_same_folder(tmp_path: Path) -> None:
    for documents in (1, 2):
        status, said = await told("--data", str(tmp_path), "--once")
        assert status == 0, said
        assert said.count("✓") == STEPS, said
        assert "Ion Ionescu (Popescu & Asociații) <support@firm.example>" in said
        files = list(tmp_path.glob("clients/Al Pacino/documents/*/*statement*.pdf"))
        assert len(files) == documents, said
        assert all(file.read_bytes().startswith(b"%PDF-1.4") for file in files)


async def test_modules_of_the_folder_that_it_is_started_in_are_not_taken_for_its_own(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit(1)")
    program = Path(sys.executable).with_name("postern")
    process = await asyncio.create_subprocess_exec(
        *(program, "trial", "--once", "--data", str(tmp_path / "data")), cwd=tmp_path, stdout=PIPE, stderr=STDOUT
    )
    async with asyncio.timeout(WITHIN):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def test_it_stays_up_until_it_is_told_to_end(tmp_path: Path) -> None:
    process = await trial("--data", str(tmp_path))
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(WITHIN):
        while "Ctrl-C ends it." not in said:
            line = await process.stdout.readline()
            assert line, said
            said += line.decode()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert not (tmp_path / "admin.sock").exists()


async def test_a_step_that_fails_is_named_with_the_gateways_log(tmp_path: Path) -> None:
    status, said = await told("--data", str(tmp_path), "--once", "--fault", "smtp:mail@al@pacino=refuse:554")
    assert status == 1
    assert "✗ The provider did not take the client's answer" in said
    assert "  log: " in said


async def test_the_provider_alone_serves_the_accounts_it_is_given() -> None:
    process = await trial("--provider-only", "--account", "al@pacino.example:secret", "--fault", "imap:noop=refuse:bad")
    assert process.stdout is not None
    async with asyncio.timeout(WITHIN):
        first = (await process.stdout.readline()).decode()
        port = int(first.split("IMAP 127.0.0.1:")[1].split(",")[0])
        async with Talk(port) as talk:
            await talk.sign_in()
            assert (await talk.do("NOOP"))[-1].startswith(b"BAD ")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    await process.communicate()


@pytest.mark.parametrize("words", [("--account", "nobody"), ("--fault", "smtp:rcpt=explode")])
async def test_a_wrong_word_is_explained(words: tuple[str, str]) -> None:
    status, said = await told("--provider-only", "--once", *words)
    assert status == os.EX_USAGE
    assert words[1] in said
