"""`postern serve` that can't start says why in a sentence, and ends with the right status."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess


async def serve(folder: Path, settings: str) -> tuple[int, str]:
    (folder / "postern.toml").write_text(settings)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "serve", "--config", str(folder / "postern.toml")),
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = f'data_dir = "data"\n[submission]\nlisten = ["127.0.0.1:{port}"]\n'
        status, said = await serve(tmp_path, settings)
    assert status == 69
    assert "address already in use" in said
    assert "submission.listen" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ('data_dir = "data"\n[admin]\nsocket = "missing/admin.sock"\n', "admin"),
        ('data_dir = "data"\n[submission]\nlisten = ["nonsense"]\n[queue]\nretry = []\n', "submission.listen[0]"),
        ('data_dir = "data"\n[submission]\nlisten = ["nonsense"]\n[queue]\nretry = []\n', "queue.retry"),
    ],
)
async def test_wrong_settings_end_with_78_and_the_path_of_each_fault(tmp_path: Path, settings: str, path: str) -> None:
    status, said = await serve(tmp_path, settings)
    assert status == 78
    assert path in said
    assert "Traceback" not in said


async def test_A4_a_second_daemon_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with GatewayProcess(tmp_path / "first") as first:
        status, said = await serve(tmp_path, f'data_dir = "{first.data_dir}"\n[submission]\nlisten = ["127.0.0.1:0"]\n')
        assert status == 69
        assert "Traceback" not in said
        assert first.running
