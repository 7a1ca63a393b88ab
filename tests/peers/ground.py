"""What every real peer stands on: a temp folder that servers may read, free ports, and why a peer is missing."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

MISSING = "REAL SERVER MISSING"
FIRST_PORT, LAST_PORT = 20000, 32000  # below the kernel's ephemeral range, so that no outgoing connection takes them
SBIN = "/usr/sbin:/usr/lib/dovecot:/usr/lib/postfix/sbin"  # not in the PATH of every shell


def program(name: str) -> str | None:
    """Return where a program lies, looking in the folders for servers too."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":" + SBIN)


def why_missing(programs: Iterable[str]) -> str | None:
    """Return the reason for skipping, or None when every program is there and we may start servers."""
    absent = [name for name in programs if program(name) is None]
    if absent:
        return f"{MISSING}: {', '.join(absent)} not installed; run scripts/test as root on Debian or Ubuntu"
    if os.geteuid() != 0:
        return f"{MISSING}: only root can start Postfix and Dovecot with users of their own"
    return None


def folder(name: str) -> Path:
    """Make a folder with a short path that the servers' own users may enter."""
    made = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    made.chmod(0o755)
    return made


def free_port() -> int:
    """Return a port that nobody listens on; it stays the same over a peer's restart."""
    for _ in range(200):
        port = random.randint(FIRST_PORT, LAST_PORT)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port on 127.0.0.1")


def answers(port: int) -> bool:
    """Whether something accepts connections on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False


def run(*command: str, stdin: bytes = b"") -> str:
    """Run a program to its end and return what it printed; RuntimeError holds its complaint."""
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="replace")
