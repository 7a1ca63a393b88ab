"""The locks hold what pyproject.toml declares, each package pinned with its hashes and from nowhere in particular."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.source import ROOT

RUN, DEV = "requirements.lock", "requirements-dev.lock"
_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[.*?\])?==(?P<version>\S+)")


def pins(lock: str) -> dict[str, tuple[str, int]]:
    """Return version and number of hashes by package name."""
    logical = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()
    found: dict[str, tuple[str, int]] = {}
    for line in logical:
        match = _PIN.match(line)
        assert match, f"{lock}: {line!r} is no pin"
        found[canonicalize_name(match["name"])] = (
            match["version"],
            len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", line)),
        )
    return found


def declared(*groups: str) -> Iterator[Requirement]:
    """Yield what pyproject.toml asks for, with the extra that makes it fast."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["fast"]]
    for group in groups:
        wanted += project["dependency-groups"][group]
    yield from map(Requirement, wanted)


@pytest.mark.parametrize(("lock", "groups"), [(RUN, ["build"]), (DEV, ["build", "dev"])])
def test_everything_declared_is_locked_in_a_version_that_fits(lock: str, groups: list[str]) -> None:
    locked = pins(lock)
    for requirement in declared(*groups):
        version, _ = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement} but {lock} has {version}"


@pytest.mark.parametrize("lock", [RUN, DEV])
def test_every_package_has_hashes(lock: str) -> None:
    assert [name for name, (_, hashes) in pins(lock).items() if hashes == 0] == []


@pytest.mark.parametrize("lock", [RUN, DEV])
def test_a_lock_names_no_registry(lock: str) -> None:
    assert "://" not in (ROOT / lock).read_text()


def test_the_development_lock_holds_all_of_the_other_in_the_same_versions() -> None:
    assert pins(RUN).items() <= pins(DEV).items()
