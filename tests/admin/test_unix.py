"""The socket file: its mode, its group, and whose it is."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway.admin import unix
from gateway.admin.peer import group_id
from gateway.domain.errors import Conflict, Faulty


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_U1_the_socket_has_mode_0660_under_any_umask(tmp_path: Path, mask: int) -> None:
    with umask(mask), closing(unix.bind(tmp_path / "s", None)):
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o660


def test_U1_nobody_can_connect_before_it_listens(tmp_path: Path) -> None:
    with (
        closing(unix.bind(tmp_path / "s", None)),
        socket.socket(socket.AF_UNIX) as stranger,
        pytest.raises(ConnectionRefusedError),
    ):
        stranger.connect(str(tmp_path / "s"))


def test_U1_a_socket_is_born_closed_to_others_even_without_a_umask(tmp_path: Path) -> None:
    """What `bind` relies on: the kernel gives the file the mode of the descriptor."""
    with umask(0), socket.socket(socket.AF_UNIX) as sock:
        os.fchmod(sock.fileno(), 0o600)
        sock.bind(str(tmp_path / "s"))
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600


def test_the_socket_of_a_dead_daemon_is_replaced(tmp_path: Path) -> None:
    dead = unix.bind(tmp_path / "s", None)
    dead.listen()
    dead.close()
    with closing(unix.bind(tmp_path / "s", None)) as sock:
        sock.listen()
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.connect(str(tmp_path / "s"))


def test_A4_the_socket_of_a_living_daemon_is_left_alone(tmp_path: Path) -> None:
    with closing(unix.bind(tmp_path / "s", None)) as living:
        living.listen()
        before = unix.identity(tmp_path / "s")
        with pytest.raises(Conflict, match="Another daemon answers"):
            unix.bind(tmp_path / "s", None)
        assert unix.identity(tmp_path / "s") == before


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_left_alone(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "s"
    if kind == "link":
        target.symlink_to("/etc/passwd")
    elif kind == "folder":
        target.mkdir()
    else:
        target.touch()
    with pytest.raises(Conflict, match="is not a socket"):
        unix.bind(target, None)
    assert os.path.lexists(target)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(Faulty, match=r"admin\.socket: its folder .* does not exist: create it"):
        unix.bind(tmp_path / "none" / "s", None)


def test_a_path_longer_than_the_kernel_takes_works_through_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    with closing(unix.bind(folder / "admin.sock", None)) as sock, socket.socket(socket.AF_UNIX) as visitor:
        sock.listen()
        with unix.short_path(folder / "admin.sock") as name:
            visitor.connect(name)
    assert stat.S_ISSOCK((folder / "admin.sock").lstat().st_mode)


def test_only_our_own_socket_is_removed(tmp_path: Path) -> None:
    with closing(unix.bind(tmp_path / "s", None)):
        mine = unix.identity(tmp_path / "s")
        (tmp_path / "s").rename(tmp_path / "kept")  # so that its inode is not used again
    with closing(unix.bind(tmp_path / "s", None)):
        unix.remove(tmp_path / "s", mine)
        assert (tmp_path / "s").exists()
        unix.remove(tmp_path / "s", unix.identity(tmp_path / "s"))
        assert not (tmp_path / "s").exists()
        unix.remove(tmp_path / "s", mine)


def test_a_group_that_does_not_exist_is_a_fault_of_the_settings() -> None:
    with pytest.raises(Faulty) as caught:
        group_id("no-such-group-here")
    assert [fault.path for fault in caught.value.faults] == ["admin.group"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to a group it is not in")
def test_the_socket_belongs_to_the_admin_group(tmp_path: Path) -> None:
    with closing(unix.bind(tmp_path / "s", 4)):
        found = (tmp_path / "s").stat()
    assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (4, 0o660)
