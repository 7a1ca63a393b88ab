"""The manual page, the completions and the systemd units say what the program does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli.tree import root

ROOT = Path(__file__).parents[2]
UNITS = ("postern.service", "postern-submission.socket", "postern-submission-tls.socket")
MOST_EXPOSED = 2.0  # hostile.md X7


def commands(command: click.Command, words: tuple[str, ...] = ("postern",)) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(words), command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*words, name))


LEAVES = [(name, one) for name, one in commands(root) if not isinstance(one, click.Group)]


@pytest.fixture(scope="module")
def manual() -> str:
    """The page as a reader sees it: without requests, fonts and escapes."""
    text = (ROOT / "man/postern.1").read_text()
    lines = [re.sub(r"^\.[A-Z]+ ?", "", line) for line in text.splitlines() if not line.startswith('.\\"')]
    return re.sub(r"\\f[A-Z]", "", "\n".join(lines)).replace("\\-", "-").replace('"', "")


@pytest.mark.parametrize(("name", "command"), LEAVES, ids=[name for name, _ in LEAVES])
def test_the_manual_names_every_command_and_option(manual: str, name: str, command: click.Command) -> None:
    assert re.search(rf"^{name}\b", manual, re.MULTILINE), f"{name} is not in the manual"
    for parameter in command.params:
        for option in parameter.opts if isinstance(parameter, click.Option) else []:
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", manual), f"{option} of {name} is not in the manual"


def test_the_manual_names_no_command_that_does_not_exist(manual: str) -> None:
    named = re.findall(
        r"^(postern(?: [a-z]+)+)", manual[manual.index("COMMANDS") : manual.index("EXIT STATUS")], re.MULTILINE
    )
    assert set(named) == {name for name, _ in LEAVES}


def test_the_manual_names_every_exit_code(manual: str) -> None:
    from gateway.cli import exits

    status = manual[manual.index("EXIT STATUS") : manual.index("ENVIRONMENT")]
    for name, code in vars(exits).items():
        if name.isupper() and isinstance(code, int):
            assert re.search(rf"\b{code}\b", status), name


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_the_manual_is_well_formed() -> None:
    page = [*("groff", "-man", "-ww", "-Tutf8"), str(ROOT / "man/postern.1")]
    done = subprocess.run(page, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_every_printing_command_has_json() -> None:
    without = {name for name, one in LEAVES if not any("--json" in option.opts for option in one.params)}
    assert without == {"postern serve", "postern trial"}


def test_every_command_describes_itself() -> None:
    for name, command in commands(root):
        assert command.get_short_help_str(), name
        for option in command.params:
            assert not isinstance(option, click.Option) or option.help, f"{name} {option.name}"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_program_writes_the_completion_that_the_file_asks_for(shell: str) -> None:
    asked = re.search(r"_POSTERN_COMPLETE=(\w+)", (ROOT / f"completions/postern.{shell}").read_text())
    assert asked is not None
    assert "_postern_completion" in _completing({"_POSTERN_COMPLETE": asked[1]})


@pytest.mark.parametrize(
    ("typed", "offered"), [("postern qu", "queue"), ("postern queue re", "release"), ("postern status --j", "--json")]
)
def test_words_are_completed(typed: str, offered: str) -> None:
    asked = {"_POSTERN_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    assert f"plain,{offered}" in _completing(asked).splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_is_well_formed(shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", str(ROOT / f"completions/postern.{shell}")], check=True)


def _completing(asked: dict[str, str]) -> str:
    program = [sys.executable, "-c", "from gateway.cli import main; main()"]
    done = subprocess.run(program, env=os.environ | asked, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a program that is there, as systemd looks for it."""
    for name in UNITS:
        text = (ROOT / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/bin/postern", shutil.which("true") or "/bin/true"))
    return tmp_path


systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@systemd
def test_systemd_understands_the_units(units: Path) -> None:
    verify = ["systemd-analyze", "verify", "--man=no", *(str(units / name) for name in UNITS)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    if done.returncode and "Failed to initialize manager" in done.stderr:
        pytest.skip("systemd-analyze can't work here: " + done.stderr.strip())
    assert [line for line in done.stderr.splitlines() if "postern" in line] == []
    assert done.returncode == 0


@systemd
def test_X7_the_service_is_hardly_exposed(units: Path) -> None:
    security = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(units / "postern.service")]
    done = subprocess.run(security, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level .*: ([0-9.]+)", done.stdout)
    if found is None:
        pytest.skip("this systemd-analyze can't look at a unit that is not loaded: " + done.stderr.strip())
    assert float(found[1]) <= MOST_EXPOSED


def test_X7_the_service_says_what_hardens_it() -> None:
    text = (ROOT / "systemd/postern.service").read_text()
    for line in (
        *("Type=notify", "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "CapabilityBoundingSet=\n"),
        *("MemoryDenyWriteExecute=yes", "RestrictAddressFamilies=", "UMask=0077", "LoadCredential=", "LimitCORE=0"),
    ):
        assert f"\n{line}" in text


def test_the_sockets_bear_the_names_that_the_daemon_listens_for() -> None:
    names = [
        re.findall(r"^FileDescriptorName=(.*)$", (ROOT / "systemd" / unit).read_text(), re.MULTILINE) for unit in UNITS
    ]
    assert names == [[], ["submission"], ["submission-tls"]]
