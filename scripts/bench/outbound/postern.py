"""Postern as a firm runs it, doing all of the work, with the mailboxes' IMAP side at the trial provider beside it."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from scripts.bench.outbound.letters import ARCHIVE, MEMBERS, PASSWORD, asked, login, shown
from scripts.bench.outbound.postfix import SIGNATURE
from tests.gateway_process import GatewayProcess

_HEAD = """
[firm]
name = "Popescu"

[[signature]]
name = "office"
text = "-- \\n{signature}"
html = "<p><b>{signature_html}</b></p>"
"""

_MEMBER = """
[[member]]
login = "{login}"
name = "Member {number}"
role = "owner"
password = "{password}"

[[rule]]
name = "{login} writes from the office"
when = {{ member = ["{login}"] }}
send_as = "{shown}"
bcc = ["{archive}"]
"""

_MAILBOX = """
[[mailbox]]
address = "{address}"
name = "Office"
members = ["{login}"]
signature = "office"
password = "{password}"
folders = ["INBOX"]
imap = {{ host = "127.0.0.1", port = {imap}, security = "none" }}
smtp = {{ host = "127.0.0.1", port = {smtp}, security = "none" }}
"""


def firm(smtp: int, imap: int) -> str:
    """Members, each with an own mailbox and a rule that lets their mail leave from another, with a copy."""
    text = _HEAD.format(signature=SIGNATURE, signature_html=SIGNATURE.replace("&", "&amp;"))
    for number in range(MEMBERS):
        values = {"login": login(number), "password": PASSWORD, "smtp": smtp, "imap": imap}
        text += _MEMBER.format(number=number, shown=shown(number), archive=ARCHIVE, **values)
        for address in (asked(number), shown(number)):
            text += _MAILBOX.format(address=address, **values)
    return text


class Postern:
    """The daemon with its data in a folder of its own; its sent copies go to the trial provider, not counted."""

    sign_in = True

    def __init__(self, sink: int) -> None:
        self._room = tempfile.TemporaryDirectory(prefix="bench-postern-")
        self._loop = asyncio.new_event_loop()
        self._provider = subprocess.Popen(
            [sys.executable, "-m", "scripts.bench.outbound.mailboxes"], stdout=subprocess.PIPE
        )
        assert self._provider.stdout is not None
        imap = int(self._provider.stdout.readline())
        self._gateway = GatewayProcess(Path(self._room.name), firm(sink, imap))
        self._loop.run_until_complete(self._gateway.__aenter__())
        self.port = self._gateway.submission_port
        self._database = self._gateway.data_dir / "postern.db"

    def roots(self) -> list[int]:
        """The process that does all of the work."""
        return [self._gateway.pid]

    def owes(self) -> bool:
        """A copy waits for five seconds for the mail program's own, which is no rest."""
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT 1 FROM sent_copy WHERE state <> 'done' LIMIT 1").fetchone())

    def stop(self) -> None:
        """End it and leave nothing behind."""
        self._loop.run_until_complete(self._gateway.terminate())
        self._loop.close()
        self._provider.terminate()
        self._provider.wait()
        self._room.cleanup()
