"""A Dovecot for the benchmark: the tests' own, with room for hundreds of mailboxes, and its mail filled from here."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import Self

from scripts.bench.inbound import letters
from scripts.bench.outbound import usage
from tests.peers.ca import Ca
from tests.peers.dovecot import USERS, Dovecot
from tests.peers.ground import folder

_ROOM = """
default_process_limit = 2000
service imap {
  process_limit = 2000
}
service imap-login {
  client_limit = 4000
}
mail_max_userip_connections = 4000
"""


class Server:
    """A context manager; ``trust`` is the file of authorities for its certificate."""

    def __init__(self) -> None:
        self._folder = folder("bench-ca")
        ca = Ca(self._folder)
        self.trust = ca.trust
        self.dovecot = Dovecot(ca)
        self.dovecot.configure(_ROOM)

    def __enter__(self) -> Self:
        self.dovecot.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.dovecot.remove()
        shutil.rmtree(self._folder, ignore_errors=True)

    def cut(self) -> None:
        """Ends Dovecot with every connection: its sign-in processes would carry those under TLS on without it."""
        master = int((self.dovecot.folder / "run" / "master.pid").read_text())
        below = usage.tree([master])[1:]
        self.dovecot.stop()
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def fill(self, count: int) -> int:
        """Puts the letters into the office's INBOX and has Dovecot number them; octets of all."""
        self.dovecot.add_user(letters.OFFICE)
        local, _, domain = letters.OFFICE.partition("@")
        maildir = self.dovecot.folder / "mail" / domain / local / "Maildir"
        octets = letters.fill(maildir, count)
        for path in (maildir, *maildir.rglob("*")):
            shutil.chown(path, USERS, "nogroup")
        self.dovecot.doveadm("mailbox", "status", "-u", letters.OFFICE, "messages uidnext", "INBOX")
        self.dovecot.doveadm("fetch", "-u", letters.OFFICE, "size.virtual", "mailbox", "INBOX")
        return octets


def firm(server: Server, addresses: list[str], folders: tuple[str, ...]) -> str:
    """The firm file: these mailboxes over TLS, one client whose mail is looked for."""
    head = f"""
[firm]
name = "Bench"

[[client]]
name = "Al Pacino"
members = ["*"]
contacts = [{{ name = "Al", addresses = [{{ address = "{letters.CLIENT}" }}] }}]
"""
    listed = ", ".join(f'"{name}"' for name in folders)
    return head + "".join(
        f"""
[[mailbox]]
address = "{address}"
name = "Office"
members = []
password = "{server.dovecot.password}"
folders = [{listed}]
imap = {{ host = "localhost", port = {server.dovecot.imaps_port}, security = "tls" }}
smtp = {{ host = "localhost", port = {server.dovecot.lmtp_port}, security = "none" }}
"""
        for address in addresses
    )


def settings(trust: Path) -> str:
    """Laid over the daemon's own."""
    return f'[upstream]\ntrust = "{trust}"\n'
