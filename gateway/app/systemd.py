"""What systemd and we tell each other: READY, the watchdog, and sockets that it opened for us (sd_notify(3))."""

from __future__ import annotations

import os
import socket

import structlog

log = structlog.get_logger()

FIRST_FD = 3  # SD_LISTEN_FDS_START


def notify(message: str) -> None:
    """Sends e.g. ``READY=1``; does nothing where systemd did not start us."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as peer:
        try:
            peer.connect(address)
            peer.sendall(message.encode())
        except OSError as error:  # whoever listened is gone: no reason to end other than we would
            log.warning("notify-failed", message=message, error=str(error))


def watchdog_interval() -> float | None:
    """Seconds between signs of life: half of what systemd waits for."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2_000_000 if microseconds.isdigit() else None


def handed_sockets() -> list[socket.socket]:
    """Listening sockets that systemd opened for this process (sd_listen_fds(3)); empty when there are none."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    return [socket.socket(fileno=FIRST_FD + offset) for offset in range(count)]
