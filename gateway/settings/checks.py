"""Checks of the settings that need more than one key, or a look at the machine."""

from __future__ import annotations

import grp
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gateway.domain.errors import Fault

if TYPE_CHECKING:
    from gateway.settings.faults import Table
    from gateway.settings.gateway import Admin, Queue, Submission, Tls, Upstream

MAX_SOCKET_PATH = 107  # octets: sun_path of Linux holds 108 with its closing NUL


def cross_faults(sections: Mapping[str, Table | None], data_dir: Path | None, *, tls_given: bool) -> list[Fault]:
    """Faults between sections; a section that is None was faulty itself (or not given) and is not looked at."""
    return [
        *_data_dir_faults(data_dir),
        *_listen_faults(cast("Submission | None", sections["submission"]), tls_given=tls_given),
        *_certificate_faults(cast("Tls | None", sections["tls"])),
        *_admin_faults(cast("Admin | None", sections["admin"])),
        *_queue_faults(cast("Queue | None", sections["queue"])),
        *_trust_faults(cast("Upstream | None", sections["upstream"])),
    ]


def _data_dir_faults(data_dir: Path | None) -> Iterator[Fault]:
    if data_dir is not None and data_dir.exists() and not data_dir.is_dir():
        yield Fault("data_dir", f"{data_dir} is there and is not a folder")


def _listen_faults(submission: Submission | None, *, tls_given: bool) -> Iterator[Fault]:
    if submission is None:
        return
    taken = set()
    for key, listens in (("listen", submission.listen), ("listen_tls", submission.listen_tls)):
        for number, listen in enumerate(listens):
            path = f"submission.{key}[{number}]"
            if listen.port and listen in taken:
                yield Fault(path, f"{listen} is listed twice")
            taken.add(listen)
            if key == "listen" and not tls_given and submission.require_tls and not listen.loopback:
                yield Fault(
                    path,
                    f"{listen} can be reached from other machines, which must use TLS, and there is no [tls]: "
                    "add [tls] with certificate and key, or listen on 127.0.0.1, or set require_tls = false",
                )
    if submission.listen_tls and not tls_given:
        yield Fault("submission.listen_tls", "needs [tls] with certificate and key")
    if not submission.listen and not submission.listen_tls:
        yield Fault("submission.listen", "no mail program could connect: list at least one address")


def _certificate_faults(tls: Tls | None) -> Iterator[Fault]:
    if tls is None:
        return
    unreadable = [
        Fault(f"tls.{key}", sentence)
        for key, path in (("certificate", tls.certificate), ("key", tls.key))
        if (sentence := _unreadable(path))
    ]
    yield from unreadable
    if unreadable:
        return
    try:
        # An empty password keeps OpenSSL from asking at the terminal for the one of an encrypted key.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, password="")
    except ssl.SSLError as error:
        reason = error.reason or "no PEM certificate or key in them"
        yield Fault("tls", f"{tls.certificate} and {tls.key} don't work together: {reason.replace('_', ' ').lower()}")


def _admin_faults(admin: Admin | None) -> Iterator[Fault]:
    if admin is None:
        return
    if len(str(admin.socket).encode()) > MAX_SOCKET_PATH:
        yield Fault("admin.socket", f"{admin.socket} is longer than the {MAX_SOCKET_PATH} octets of a socket's path")
    if admin.group is not None:
        try:
            grp.getgrnam(admin.group)
        except KeyError:
            yield Fault("admin.group", f'there is no group "{admin.group}" on this machine')


def _queue_faults(queue: Queue | None) -> Iterator[Fault]:
    if queue is not None and queue.undo_window >= queue.give_up_after:
        yield Fault("queue.undo_window", "must be shorter than give_up_after, or no message would ever leave")


def _trust_faults(upstream: Upstream | None) -> Iterator[Fault]:
    if upstream is None or upstream.trust is None:
        return
    if sentence := _unreadable(upstream.trust):
        yield Fault("upstream.trust", sentence)
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(upstream.trust)
    except ssl.SSLError:
        yield Fault("upstream.trust", f"{upstream.trust} holds no PEM certificates")


def _unreadable(path: Path) -> str | None:
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return f"{path} can't be read: {error.strerror}"
