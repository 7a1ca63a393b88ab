"""The steps of reading: protected, signed in, its folders there, and told of new mail."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.errors import CommandRefused
from gateway.domain.firm import Security
from gateway.upstream.diagnose.found import APPLY, Failed, Found
from gateway.upstream.diagnose.place import Place
from gateway.upstream.imap.connection import Connection
from gateway.upstream.imap.folders import Folder, default_folders, sent_folder
from gateway.upstream.imap.receive import ignore
from gateway.upstream.imap.session import POLL, ImapSession, open_session

ANSWER_SECONDS = 15.0  # for one answer; below what the walk gives a step, so that the sentence is the client's
IDLE_SECONDS = 0.2  # long enough that a server has to take IDLE and DONE apart
SHOWN = 20  # folders named where one is missing


class Imap(Place):
    """The mailbox's IMAP server."""

    _session: ImapSession | None = None

    async def tls(self) -> Found:
        if self.endpoint.security is Security.TLS:
            return await self.handshake()
        if not self.protects:
            return self.in_clear()
        connection = Connection(self.endpoint, ANSWER_SECONDS, ignore)
        try:
            await connection.open(self.trust)
        finally:
            connection.abort()
        return Found("STARTTLS, with a certificate that holds.")

    async def login(self) -> Found:
        box = self.mailbox
        self._session = await open_session(
            box.imap, box.username, box.password, trust=self.trust, timeout=ANSWER_SECONDS
        )
        return Found(f"Signed in as {box.username}.")

    async def folders(self) -> Found:
        """Those that are followed, opened as the gateway opens them."""
        session = self._opened
        there = await session.folders()
        if not self.mailbox.folders and not any(folder.name == "INBOX" for folder in there):
            raise Failed("The mailbox has no INBOX.", "Ask the provider: without one no mail can arrive.")
        followed = self.mailbox.folders or default_folders(there)
        counted = [f"{name} ({await self._messages(session, name, there)})" for name in followed]
        text = f"Followed, with messages: {', '.join(counted)}."
        if sent_folder(there) is None:
            return Found(
                f"{text} No folder for sent mail is found.",
                "With the first sent copy the gateway makes one called Sent; if there is one under another name, "
                f"mark it as \\Sent at the provider or list it under folders: {APPLY}.",
            )
        return Found(text)

    async def idle(self) -> Found:
        """Whether the server tells of new mail, tried in a folder that is open."""
        session = self._opened
        if "IDLE" not in session.capabilities:
            return Found(
                f"The server has no IDLE: the gateway asks every {POLL:.0f} seconds.",
                "Nothing has to be done; new mail is filed half a minute later than elsewhere.",
            )
        await session.idle(IDLE_SECONDS)
        return Found("The server tells of new mail at once.")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def _opened(self) -> ImapSession:
        assert self._session is not None, "folders come after the sign-in"
        return self._session

    async def _messages(self, session: ImapSession, name: str, there: Sequence[Folder]) -> int:
        try:
            return (await session.examine(name)).exists
        except CommandRefused as error:
            names = ", ".join(folder.name for folder in there[:SHOWN])
            raise Failed(
                f"The folder {name} can't be opened: {error.sentence.rstrip('.')}.",
                f"The mailbox has: {names}. Name those under folders that are to be followed: {APPLY}.",
            ) from error
