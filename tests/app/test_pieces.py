"""The daemon's small parts: its key, its log, and what it and systemd say to each other."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from gateway.app import logs, systemd
from gateway.app.keys import KEY_SIZE, load_key
from gateway.app.start import prepare
from gateway.domain.errors import Conflict, Faulty


def test_the_key_is_made_once_and_is_ours_alone(tmp_path: Path) -> None:
    first = load_key(tmp_path)
    assert len(first) == KEY_SIZE
    assert load_key(tmp_path) == first
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_X4_a_missing_key_is_never_replaced_under_a_database_that_needs_it(tmp_path: Path) -> None:
    (tmp_path / "postern.db").touch()
    with pytest.raises(Faulty, match="restore it"):
        load_key(tmp_path)
    assert not (tmp_path / "secret.key").exists()


def test_X4_a_key_of_the_wrong_size_or_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(Faulty, match="32 octets"):
        load_key(tmp_path)
    path.write_bytes(b"k" * KEY_SIZE)
    path.chmod(0o640)
    with pytest.raises(Faulty, match="chmod 600"):
        load_key(tmp_path)


def test_a_key_from_systemds_credentials_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "postern.key").write_bytes(b"c" * KEY_SIZE)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load_key(tmp_path) == b"c" * KEY_SIZE
    assert not (tmp_path / "secret.key").exists()


@pytest.fixture
def own_logs() -> Iterator[None]:
    """What a test set up for the log goes with it, and with its stderr."""
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("own_logs")
def test_without_a_terminal_a_log_line_is_json_and_a_trace_shows_no_values(capfd: pytest.CaptureFixture[str]) -> None:
    logs.set_up("info", "auto")
    password = "canary-4711"

    def fail(secret: str) -> None:
        raise RuntimeError(f"failed after {len(secret)} letters")

    try:
        fail(password)
    except RuntimeError:
        structlog.get_logger().exception("broke", queue_id="Q1")
    structlog.get_logger().debug("not shown")
    (line,) = capfd.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["event"], said["queue_id"], said["level"]) == ("broke", "Q1", "error")
    assert "RuntimeError" in said["exception"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", said["timestamp"])
    assert abs(datetime.now(UTC) - datetime.fromisoformat(said["timestamp"])) < timedelta(minutes=1)
    assert password not in line


def test_ready_is_said_to_the_service_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        systemd.notify("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_nothing_is_said_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify("READY=1")


def test_the_watchdog_gets_two_signs_in_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert systemd.watchdog_interval() == 15
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_interval() is None


def test_sockets_meant_for_another_process_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert systemd.handed_sockets() == []


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_a_data_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Conflict, match="can't be made"):
        prepare(tmp_path / "file" / "data")


@pytest.mark.usefixtures("no_umask")
def test_the_data_folder_is_made_for_us_alone_whatever_the_umask(tmp_path: Path) -> None:
    prepare(tmp_path / "new" / "data")
    assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700
