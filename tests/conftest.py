"""What every test shares: the peers, hypothesis's manners, and that real servers are not skipped in silence."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

pytest_plugins = ["tests.peers.fixtures"]

REQUIRED = ("real", "corpus")  # markers whose tests must not be skipped where POSTERN_REQUIRE_REAL is set
_REQUIRE = "POSTERN_REQUIRE_REAL"

# Two busy cores make deadlines lie; a fixed seed where the result must be the same twice.
hypothesis.settings.register_profile("desk", deadline=None, max_examples=60)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get(_REQUIRE) else "desk")


@pytest.fixture(autouse=True)
def _fresh_logging() -> Iterator[None]:
    """Undo what a test made of structlog: a logger that writes to its closed stderr breaks every test behind it."""
    yield
    structlog.reset_defaults()


_skipped = pytest.StashKey[list[str]]()


class _Unseen:
    """Notes each skipped test that talks to the real world, whichever process ran it."""

    def __init__(self, skipped: list[str]) -> None:
        self._skipped = skipped

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        matters = any(marker in report.keywords for marker in REQUIRED)
        if report.skipped and matters and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._skipped.append(f"{report.nodeid}: {reason}")


def pytest_configure(config: pytest.Config) -> None:
    """Begin the list of what was skipped although it matters."""
    config.stash[_skipped] = []
    config.pluginmanager.register(_Unseen(config.stash[_skipped]))


def pytest_collection_finish() -> None:
    """Ten thousand tests are a heap that takes a second to be searched for garbage, in the middle of some figure."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session where nothing real may be skipped."""
    if os.environ.get(_REQUIRE) and session.config.stash[_skipped] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say loudly what was not tested."""
    skipped = config.stash[_skipped]
    if not skipped:
        return
    verdict = "and that is a FAILURE here" if os.environ.get(_REQUIRE) else "so this run says nothing about them"
    terminalreporter.section("NOT TESTED AGAINST THE REAL WORLD", sep="!", red=True, bold=True)
    for line in skipped:
        terminalreporter.line(line)
    terminalreporter.line(f"{len(skipped)} tests on real servers or real mail were skipped, {verdict}.", red=True)
