"""The daemon as a child process on free ports, as a sysadmin runs it: started, asked, killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket as net
import sys
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.settings.firmfile import read
from tests.waiting import until

READY_WITHIN = 60.0  # seconds; 2 are promised, but two busy cores start many children at once
END_WITHIN = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")

_SETTINGS = """
data_dir = "{data_dir}"

[submission]
hostname = "gateway.firm.example"
listen = ["127.0.0.1:0"]

[queue]
retry = ["1s"]

[log]
format = "json"
"""


class NotReady(Exception):
    """The daemon ended, or did not say READY in time; the text is its log."""


@dataclass(frozen=True)
class Said:
    """How a command of ours ended."""

    status: int
    stdout: str
    stderr: str


class GatewayProcess:
    """An async context manager; inside it the daemon runs and the firm is applied.

    ``settings_extra`` is laid over the settings as a file of conf.d. A daemon that was killed or terminated is started
    again by `restart`; it finds its data as it left them, on new ports.
    """

    def __init__(
        self, folder: Path, firm_toml: str = "", settings_extra: str = "", *, data_dir: Path | None = None
    ) -> None:
        self.folder = folder
        self.data_dir = data_dir or folder / "data"
        self.config = folder / "postern.toml"
        self.firm = folder / "firm.toml"
        self.ready_after = 0.0  # seconds from exec to READY=1 at the last start
        self._log = folder / "log"
        self._process: asyncio.subprocess.Process | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(_SETTINGS.format(data_dir=self.data_dir))
        self.firm.write_text(firm_toml)
        (folder / "conf.d").mkdir(exist_ok=True)
        (folder / "conf.d" / "extra.toml").write_text(settings_extra)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
            if self.firm.read_text():
                await asyncio.to_thread(self._ask, "POST", "/v1/apply", read([self.firm], os.environ))
        except BaseException:
            await self.kill9()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            await self.kill9()
            print(f"--- log of the daemon in {self.folder}", *self.log, sep="\n")
            return
        status = await self.terminate()
        assert status == 0, "\n".join(["the daemon did not end well", *self.log])

    @property
    def socket(self) -> Path:
        return self.data_dir / "admin.sock"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the daemon is not running"
        return self._process.pid

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def log(self) -> list[str]:
        """The lines that the daemon wrote, over all its lives."""
        return self._log.read_text(errors="replace").splitlines() if self._log.exists() else []

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of the log that are JSON, read."""
        return [json.loads(line) for line in self.log if line.startswith("{")]

    async def start(self) -> None:
        """Return when the daemon says READY=1 to the service manager that we play as long as it lives."""
        name = f"@postern-{uuid.uuid4().hex}"
        self._manager = net.socket(net.AF_UNIX, net.SOCK_DGRAM | net.SOCK_NONBLOCK)
        self._manager.bind("\0" + name[1:])
        begun = time.monotonic()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", "serve", "--config", str(self.config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"NOTIFY_SOCKET": name},
            )
        await self._ready(self._manager)
        self.ready_after = time.monotonic() - begun
        self.submission_port = await self.port("submission")

    async def port(self, listener: str) -> int:
        """Return the real port of a listener that took a free one."""
        status = await self.get("/v1/status")
        return next(int(one["port"]) for one in status["listeners"] if one["name"] == listener)

    async def kill9(self) -> None:
        """End it as a power cut of the process would: nothing is drained or flushed."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """End it as systemd would; return the exit status."""
        return await self._end(signal.SIGTERM)

    async def restart(self) -> None:
        """End it politely if it runs, and start it on the same data."""
        await self.terminate()
        await self.start()

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the daemon is not running"
        self._process.send_signal(number)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def say(self, *args: str, stdin: bytes = b"") -> Said:
        """Run `postern ARGS` against this daemon to its end."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *args),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"POSTERN_SOCKET": str(self.socket)},
        )
        stdout, stderr = await process.communicate(stdin)
        return Said(process.returncode or 0, stdout.decode(), stderr.decode())

    async def cli(self, *args: str, accept: Collection[int] = (0,)) -> Any:
        """Return the JSON that `postern ARGS --json` printed; AssertionError where its exit status is another."""
        said = await self.say(*args, "--json")
        assert said.status in accept, f"postern {' '.join(args)}: {said}"
        return json.loads(said.stdout)

    async def get(self, path: str) -> Any:
        """Ask the admin socket itself: quicker than a command, for conditions that are looked at again and again."""
        return await asyncio.to_thread(self._ask, "GET", path)

    def _ask(self, method: str, path: str, document: object = None) -> Any:
        with net.socket(net.AF_UNIX, net.SOCK_STREAM) as sock:
            sock.settimeout(30)
            sock.connect(str(self.socket))
            connection = http.client.HTTPConnection("postern")
            connection.sock = sock
            body = None if document is None else json.dumps(document)
            headers = {"Connection": "close", "Content-Type": "application/json"}
            connection.request(method, path, body=body, headers=headers)
            with connection.getresponse() as response:
                answer = response.read()
                assert response.status == 200, f"{method} {path}: {response.status} {answer!r}"
                return json.loads(answer)

    async def _ready(self, manager: net.socket) -> None:
        """Wait for the service manager's message; a daemon that ends before it is noticed."""
        heard = b""

        def ready_or_gone() -> bool:
            nonlocal heard
            with contextlib.suppress(BlockingIOError):
                heard += manager.recv(4096)
            return b"READY=1" in heard or not self.running

        with contextlib.suppress(TimeoutError):
            await until(ready_or_gone, timeout=READY_WITHIN, what="READY=1")
        if b"READY=1" not in heard:
            raise NotReady("\n".join(["the daemon is not ready", *self.log]))

    async def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(number)
        try:
            async with asyncio.timeout(END_WITHIN):
                status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            self._manager.close()
        return status
