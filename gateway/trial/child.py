"""The gateway as a child process, run and asked as a sysadmin would: `serve`, and commands against its socket."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

LOG_TAIL = 15  # lines of the log shown when something went wrong
_PROGRAM = (sys.executable, "-P", "-m", "gateway")  # -P: what lies where we were started is none of our modules
END_WITHIN = 15.0  # seconds between SIGTERM and SIGKILL; a drain takes less than 10


class CommandFailed(Exception):
    """A command of ours ended otherwise than well; the text is what it said."""


class GatewayChild:
    """The daemon over one data folder, which holds ``postern.toml``; its log goes to ``gateway.log`` there."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "admin.sock"
        self._settings = folder / "postern.toml"
        self._log = folder / "gateway.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Returns at once; the daemon is ready when `ask("status")` answers."""
        self._log.unlink(missing_ok=True)
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(*_PROGRAM, "serve", "--config", str(self._settings)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # the terminal's Ctrl-C is for us; the daemon gets our SIGTERM
            )

    async def wait(self) -> None:
        """Returns when the daemon has ended."""
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """Ends it as systemd would."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_WITHIN):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def tell(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> str:
        """What `postern ARGUMENTS` printed."""
        process = await asyncio.create_subprocess_exec(
            *(*_PROGRAM, "--socket", str(self.socket), *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        stdout, stderr = await process.communicate()
        if process.returncode not in accept:
            words = (stderr or stdout).decode("utf-8", "replace").strip()
            raise CommandFailed(f"postern {' '.join(arguments)}: {words}")
        return stdout.decode("utf-8")

    async def ask(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> dict[str, object]:
        """The JSON object that `postern ARGUMENTS --json` printed."""
        try:
            answer = json.loads(await self.tell(*arguments, "--json", accept=accept))
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise CommandFailed(f"postern {' '.join(arguments)}: that is no JSON object")
        return answer

    def log_tail(self) -> list[str]:
        """The last lines of the daemon's log."""
        if not self._log.exists():
            return []
        return self._log.read_text("utf-8", "replace").splitlines()[-LOG_TAIL:]
