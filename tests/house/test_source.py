"""Proportion and manners of the source: small files and functions, no stray tasks, no clock in the core, no sleep."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.house.source import PURE, ROOT, calls, imports, modules, rooms, tree

MAX_FILE = 400  # lines; what the admired code regrets is what went past this
MAX_FUNCTION = 40  # lines, with its docstring
WAITING = Path("tests/waiting.py")  # the one place that lets time pass
COST = Path("tests/cost.py")  # the one place that measures CPU time
_STRAY = re.compile(r"(asyncio|loop|(.*\.)?_?loop|(asyncio\.)?get_\w+_loop\(\))\.create_task|.*ensure_future")
_CLOCK = re.compile(r"(.*\.)?((datetime|date)\.(now|utcnow|today)|time\.\w+|uuid\.uuid[14]|random\.\w+|secrets\.\w+)")

in_gateway = pytest.mark.parametrize("path", modules("gateway"), ids=str)
in_tests = pytest.mark.parametrize("path", modules("tests"), ids=str)


@pytest.mark.parametrize("path", modules("gateway", "tests", "scripts"), ids=str)
def test_every_file_says_on_top_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(tree(path)) or ""
    assert re.match(r"\S.*[.:]", docstring), f"{path} begins with no sentence"


@in_gateway
def test_no_file_is_two_rooms(path: Path) -> None:
    lines = (ROOT / path).read_text().count("\n")
    assert lines <= MAX_FILE, f"{path} has {lines} lines"


@in_gateway
def test_no_function_is_longer_than_a_screen(path: Path) -> None:
    long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION
    ]
    assert not long, f"{path}: {long}"


@in_gateway
def test_tasks_live_in_task_groups_or_are_awaited_by_who_made_them(path: Path) -> None:
    for scope in tree(path).body:
        names = [ast.unparse(node.func) for node in ast.walk(scope) if isinstance(node, ast.Call)]
        stray = [name for name in names if _STRAY.fullmatch(name)]
        assert not stray or "asyncio.gather" in names, f"{path}:{scope.lineno}: {stray}: nobody waits for its end"


@pytest.mark.parametrize("path", [path for path in modules("gateway") if path.parts[1] in PURE], ids=str)
def test_the_core_reads_no_clock_and_no_random_source(path: Path) -> None:
    read = [f"line {call.lineno}: {name}" for name, call in calls(path) if _CLOCK.fullmatch(name)]
    assert not read, f"{path}: {read}: take it as an argument"


@in_tests
def test_tests_do_not_sleep(path: Path) -> None:
    asleep = [
        f"line {call.lineno}"
        for name, call in calls(path)
        if name in {"time.sleep", "sleep"} or (name == "asyncio.sleep" and ast.unparse(call.args[0]) != "0")
    ]
    assert not asleep or path == WAITING, f"{path} sleeps: {asleep}: wait for a condition with tests.waiting"


@in_tests
def test_tests_measure_no_seconds_of_this_machine(path: Path) -> None:
    measured = [
        f"line {call.lineno}" for name, call in calls(path) if name in {"time.thread_time", "time.process_time"}
    ]
    assert not measured or path == COST, f"{path} measures: {measured}: a slower machine fails it; use tests.cost"


@in_tests
def test_tests_use_no_mocks(path: Path) -> None:
    mocks = [f"line {line}" for name, line in imports(path) if re.search(r"(^|\.)mock(\.|$)|MagicMock", name)]
    assert not mocks, f"{path} mocks: {mocks}: use a real peer, or the trial provider with a fault"


@in_tests
def test_no_test_is_skipped_or_expected_to_fail_for_good(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in {"pytest.mark.skip", "pytest.mark.xfail"}, f"{path}:{node.lineno}"


def test_every_room_stands_on_a_floor_and_in_the_picture() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [contract["layers"] for contract in linter["contracts"] if contract["type"] == "layers"]
    floors = {re.sub(r"\W", "", room) for layer in layers for room in layer.split("|")}
    picture = ast.get_docstring(tree(Path("gateway/__init__.py"))) or ""
    assert rooms() == floors
    assert all(re.search(rf"^ *(.* )?{room}\b", picture, re.MULTILINE) for room in rooms())


def test_every_library_rule_watches_every_room_but_its_owner() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    for contract in linter["contracts"]:
        if " only in " in contract["name"]:
            owner = contract["name"].rpartition(" ")[2]
            watched = {module.removeprefix("gateway.") for module in contract["source_modules"]}
            assert watched == rooms() - {owner}, contract["name"]
