"""Who is let in: what the kernel says of the other end decides, not the mode of the file."""

from __future__ import annotations

import asyncio
import grp
import json
import os
import pwd
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.admin.gate import Gate
from gateway.admin.peer import Door, Peer, peer_of
from tests.admin.house import House, opened

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

VISITOR = """
import os, socket, sys
path, uid, gid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.setgroups([]); os.setgid(gid); os.setuid(uid)
with socket.socket(socket.AF_UNIX) as s:
    s.connect(path)
    s.sendall(b"GET /v1/status HTTP/1.1\\r\\nHost: postern\\r\\nConnection: close\\r\\n\\r\\n")
    while block := s.recv(65536):
        sys.stdout.buffer.write(block)
"""


@pytest.fixture
async def loose(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """A house whose folder and socket were opened to the whole world by mistake."""
    group: str | None = getattr(request, "param", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chmod(name, 0o755)  # noqa: PTH101 - a call without effect on the loop, whatever its name is
        (folder / "data").mkdir()
        async with opened(folder, group=group) as house:
            house.socket.chmod(0o666)
            yield house


async def visit(house: House, uid: int, gid: int) -> tuple[int, dict[str, object]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", VISITOR, str(house.socket), str(uid), str(gid)), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(20):
        answer, _ = await process.communicate()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@AS_ROOT
@pytest.mark.parametrize("opened_folder", [True, False])
async def test_U1_another_user_is_kept_out_by_the_modes_alone(opened_folder: bool) -> None:
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755 if opened_folder else 0o750)  # noqa: PTH101 - as above
        (Path(name) / "data").mkdir()
        async with opened(Path(name)) as house:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", VISITOR, str(house.socket), str(nobody.pw_uid), str(nobody.pw_gid)),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            async with asyncio.timeout(60):
                answer, said = await process.communicate()
    assert (answer, b"PermissionError" in said) == (b"", True)


@AS_ROOT
async def test_U1_another_user_gets_403_even_if_the_mode_is_loosened(loose: House) -> None:
    status, problem = await visit(loose, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    assert (status, problem["kind"]) == (403, "forbidden")
    assert "admin group" in str(problem["detail"])


@AS_ROOT
@pytest.mark.parametrize("loose", [grp.getgrgid(4).gr_name], indirect=True)
async def test_U1_a_member_of_the_admin_group_is_let_in(loose: House) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    assert (await visit(loose, nobody, 4))[0] == 200
    assert (await visit(loose, nobody, pwd.getpwnam("nobody").pw_gid))[0] == 403


@AS_ROOT
@pytest.mark.parametrize("loose", [grp.getgrgid(4).gr_name], indirect=True)
async def test_U1_a_member_of_a_group_that_needs_tokens_is_asked_for_one(loose: House) -> None:
    assert loose.server._http is not None
    gate = loose.server._http._config.app
    assert isinstance(gate, Gate)
    object.__setattr__(gate._door, "group_needs_token", True)
    status, problem = await visit(loose, pwd.getpwnam("nobody").pw_uid, 4)
    assert (status, "postern member token" in str(problem["detail"])) == (401, True)
    assert (await visit(loose, 0, 0))[0] == 200


@AS_ROOT
async def test_U1_without_a_group_root_is_let_in(loose: House) -> None:
    assert (await visit(loose, 0, 0))[0] == 200


async def test_the_kernel_names_the_process_at_the_other_end() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_of(ours) == Peer(os.getpid(), os.geteuid(), os.getegid())


def test_the_daemons_own_user_is_let_in() -> None:
    assert Door(own_uid=4321).lets_in(Peer(1, 4321, 4321))


def test_somebody_without_the_group_is_not_let_in() -> None:
    assert not Door(own_uid=4321, group_id=4).lets_in(Peer(1, 4322, 4322))
    assert not Door(own_uid=4321).lets_in(Peer(1, 4322, 4321))


def test_the_group_of_the_process_counts() -> None:
    assert Door(own_uid=4321, group_id=77).lets_in(Peer(1, 4322, 77))


def test_supplementary_groups_of_the_user_count() -> None:
    everyone = {entry.pw_name: entry for entry in pwd.getpwall()}
    found = [(everyone[name], one) for one in grp.getgrall() for name in one.gr_mem if name in everyone]
    if not found:
        pytest.skip("no user of this machine has a supplementary group")
    user, group = found[0]
    door = Door(own_uid=4321, group_id=group.gr_gid)
    assert door.lets_in(Peer(1, user.pw_uid, user.pw_gid))


def test_a_peer_without_a_user_name_has_a_name_for_the_trail() -> None:
    assert Peer(1, 4_000_000_001, 1).name == "uid 4000000001"
    assert Peer(1, 0, 0).name == "root"
