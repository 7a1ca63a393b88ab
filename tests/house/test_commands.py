"""The commands that users are told to type exist, and the scripts do their part of the promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli.tree import root
from tests.house.source import ROOT

SCRIPTS = ("scripts/run", "scripts/test", "scripts/setup", "scripts/lock", ".ci/run")
_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\s*\$?\s*(?:sudo\s+)?(?:\.venv/bin/)?postern((?:\s+[a-z][a-z-]*)*)", re.MULTILINE)
_SCRIPT = re.compile(r"(?<![\w/])(scripts/[a-z]+)")


def readme_commands() -> Iterator[list[str]]:
    """Yield the words behind each `postern` of the README's code blocks."""
    for block in _FENCE.findall((ROOT / "README.md").read_text()):
        for words in _COMMAND.findall(block):
            yield words.split()


def names_a_command(words: list[str]) -> bool:
    """Whether the words begin with a command; what follows one are its arguments."""
    command: click.Command | None = root
    context = click.Context(root)
    while isinstance(command, click.Group):
        if not words:
            return False
        command = command.get_command(context, words[0])
        words = words[1:]
    return command is not None


def test_every_command_of_the_readme_exists() -> None:
    commands = list(readme_commands())
    assert commands, "the README shows no command"
    unknown = [" ".join(words) for words in commands if not names_a_command(words)]
    assert not unknown, f"the README promises what does not exist: postern {unknown}"


def test_every_script_of_the_readme_exists() -> None:
    named = set(_SCRIPT.findall((ROOT / "README.md").read_text()))
    assert {"scripts/run", "scripts/test"} <= named
    assert [name for name in named if not os.access(ROOT / name, os.X_OK)] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_runs_in_its_shell(name: str) -> None:
    path = ROOT / name
    first = path.read_text().splitlines()[0]
    shell = "bash" if "bash" in first else "sh"
    assert os.access(path, os.X_OK)
    subprocess.run([shell, "-n", path], check=True)


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("required", [False, True])
def test_a_skipped_real_test_fails_the_session_where_real_is_required(
    tmp_path: Path, required: bool, workers: str
) -> None:
    lines = ["import pytest", "@pytest.mark.real", "def test_it():", "    pytest.skip('REAL SERVER MISSING: none')", ""]
    (tmp_path / "test_it.py").write_text("\n".join(lines))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = real\nasyncio_default_fixture_loop_scope = function\n")
    environ = {name: value for name, value in os.environ.items() if name != "POSTERN_REQUIRE_REAL"}
    if required:
        environ["POSTERN_REQUIRE_REAL"] = "1"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-n",
        workers,
        "-c",
        str(tmp_path / "pytest.ini"),
        str(tmp_path),
    ]
    ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == (1 if required else 0), ran.stdout
    assert "NOT TESTED AGAINST THE REAL WORLD" in ran.stdout
