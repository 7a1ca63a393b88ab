"""The steps of the trial's story: each does one thing, makes sure that it happened, and says where it lies."""

from __future__ import annotations

import asyncio
import hashlib
import smtplib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from gateway.mime.attachments import attachments
from gateway.mime.header import Header
from gateway.mime.plain import plain_text
from gateway.mime.tree import parts
from gateway.trial import papers
from gateway.trial.child import CommandFailed, GatewayChild
from gateway.trial.papers import Letter
from gateway.trial.provider import TrialProvider

STEP_WITHIN = 30.0  # seconds; each takes well under one on a machine that is not busy
LOOK_EVERY = 0.1  # seconds

T = TypeVar("T")


class StepFailed(Exception):
    """The text says which step, and why."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A mail program that is set up to send."""

    port: int
    user: str
    password: str
    address: str

    def send(self, to: str, letter: Letter) -> None:
        """Blocks; smtplib's errors and OSError."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=STEP_WITHIN) as program:
            program.login(self.user, self.password)
            program.sendmail(self.address, [to], letter.raw)


class Story:
    """``play()`` may be called once; the provider is up, the settings are written, nothing else has begun."""

    def __init__(self, folder: Path, provider: TrialProvider, child: GatewayChild, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.provider = provider
        self.child = child
        self.submission_port = 0
        self._say = say

    async def play(self) -> None:
        """Raises StepFailed at the first step that fails."""
        smtp_port, imap_port = self.provider.smtp_port, self.provider.imap_port
        self._done(f"A mail provider in memory: SMTP 127.0.0.1:{smtp_port}, IMAP 127.0.0.1:{imap_port}")
        await self._start()
        await self._apply()
        before = await self._last_event()
        letter = papers.letter(datetime.now(UTC))
        await self._submit(letter)
        received = await self._received(letter)
        self._check_letter(received)
        await self._check_copies(letter)
        answer = await self._answer(received)
        await self._filed(answer)
        await self._document(answer)
        await self._feed(before)

    def _done(self, text: str) -> None:
        self._say(f"✓ {text}")

    async def _start(self) -> None:
        await self.child.start()
        status = await self._until(self._status, "The gateway is up")
        listeners = _rows(status, "listeners")
        self.submission_port = next((_number(one, "port") for one in listeners if one.get("name") == "submission"), 0)
        self._done(f"The gateway is up: submission on 127.0.0.1:{self.submission_port}, its data in {self.folder}")

    async def _status(self) -> dict[str, object] | None:
        if not self.child.running:
            raise StepFailed("The gateway has ended before it was ready.")
        if not self.child.socket.exists():
            return None
        try:
            return await self.child.ask("status", accept=(0, 1, 2))
        except CommandFailed:
            return None

    async def _apply(self) -> None:
        path = self.folder / "firm.toml"
        try:
            said = await self.child.tell("apply", str(path))
        except CommandFailed as error:
            raise StepFailed(f"The firm could not be applied. {error}") from error
        self._done(f"The firm is set up from {path}")
        for line in said.splitlines():
            self._say(f"    {line}")
        await self._until(self._live, f"The mailbox {papers.SUPPORT} is synced")
        self._done(f"The mailbox {papers.SUPPORT} is synced over IMAP, and waits for mail")

    async def _live(self) -> bool:
        status = await self.child.ask("status", accept=(0, 1))
        states = {one.get("mailbox"): one.get("state") for one in _rows(status, "mailboxes")}
        return states.get(papers.SUPPORT) == "live"

    async def _submit(self, letter: Letter) -> None:
        sender = Sender(self.submission_port, papers.MEMBER, papers.PASSWORD, papers.ION)
        try:
            await asyncio.to_thread(sender.send, papers.CLIENT, letter)
        except (smtplib.SMTPException, OSError) as error:
            raise StepFailed(f"The gateway did not take Ion's mail: {error}") from error
        self._done(f"Ion, signed in as {papers.MEMBER!r}, has sent a mail from {papers.ION} to {papers.CLIENT}")

    async def _received(self, letter: Letter) -> bytes:
        return await self._until(lambda: self._find(papers.CLIENT, "INBOX", letter), "The mail reaches the client")

    async def _find(self, address: str, folder: str, letter: Letter) -> bytes | None:
        messages = self.provider.account(address).folders[folder].messages
        wanted = letter.message_id.encode("ascii")
        return next((one.raw for one in messages if Header.read(one.raw).first("Message-ID") == wanted), None)

    def _check_letter(self, received: bytes) -> None:
        header = Header.read(received)
        shown, text = header.text("From"), plain_text(received)
        types = [part.content_type for part in parts(received)]
        signature = f"-- \nIon Ionescu\n{papers.FIRM}"
        if papers.SUPPORT not in shown or papers.FIRM not in shown:
            raise StepFailed(f"The mail reached the client from {shown}, not from {papers.SUPPORT}.")
        if signature not in text.replace("\r\n", "\n"):
            raise StepFailed("The mail reached the client without the signature.")
        if "image/png" not in types:
            raise StepFailed("The mail reached the client without the logo in its signature.")
        self._done("It lies in the client's INBOX:")
        self._say(f"    From: {shown}")
        self._say(f"    Reply-To: {header.text('Reply-To')}")
        self._say(
            f"    with the signature of the firm ({' / '.join(signature.splitlines()[1:])}), in HTML with its logo"
        )

    async def _check_copies(self, letter: Letter) -> None:
        copy = await self._until(
            lambda: self._find(papers.ARCHIVE, "INBOX", letter), f"The BCC copy reaches {papers.ARCHIVE}"
        )
        if Header.read(copy).first("Bcc") is not None:
            raise StepFailed("The BCC copy shows that it is one.")
        self._done(f"The rule's BCC copy lies in the INBOX of {papers.ARCHIVE}; nobody else can see that")
        await self._until(lambda: self._find(papers.SUPPORT, "Sent", letter), "The sent copy is in Sent")
        self._done(f"The sent copy lies in the Sent folder of {papers.SUPPORT}")

    async def _answer(self, received: bytes) -> Letter:
        answer = papers.answer(received, datetime.now(UTC))
        to = str(Header.read(answer.raw).mailboxes("To")[0].address)
        sender = Sender(self.provider.smtp_port, papers.CLIENT, papers.ACCOUNTS[papers.CLIENT], papers.CLIENT)
        try:
            await asyncio.to_thread(sender.send, to, answer)
        except (smtplib.SMTPException, OSError) as error:
            raise StepFailed(f"The provider did not take the client's answer: {error}") from error
        self._done(f"The client has answered to {to}, with statement.pdf")
        return answer

    async def _filed(self, answer: Letter) -> None:
        row = await self._until(lambda: self._listed(answer), "The answer is filed under the client")
        message = row.get("message")
        number = message.get("id") if isinstance(message, dict) else None
        self._done(f"The answer is filed under {papers.CLIENT_NAME}: message {number}, thread {row.get('thread')}")

    async def _listed(self, answer: Letter) -> dict[str, object] | None:
        record = await self.child.ask("mail", "list", "--client", papers.CLIENT_NAME)
        wanted = answer.message_id.strip("<>")
        for row in _rows(record, "messages"):
            message = row.get("message")
            if isinstance(message, dict) and str(message.get("message_id")).strip("<>") == wanted:
                return row
        return None

    async def _document(self, answer: Letter) -> None:
        content = attachments(answer.raw)[0].content
        path = await self._until(lambda: self._saved(content), "The attachment is saved as a file")
        if path.read_bytes() != content:
            raise StepFailed(f"{path} is not what the client sent.")
        self._done(f"Its attachment is a file: {path}")

    async def _saved(self, content: bytes) -> Path | None:
        wanted = hashlib.sha256(content).hexdigest()
        documents = await self.child.ask("document", "list", "--client", papers.CLIENT_NAME)
        for row in _rows(documents, "documents"):
            path = self.folder / str(row.get("path"))
            if row.get("sha256") == wanted and path.exists():
                return path
        return None

    async def _last_event(self) -> int:
        """The number of the last line of the feed; the data folder may have had a story before."""
        last = 0
        while events := _rows(await self.child.ask("feed", "--after", str(last), "--limit", "500"), "events"):
            last = _number(events[-1], "number")
        return last

    async def _feed(self, before: int) -> None:
        self._done("The feed has it:")
        for line in (await self.child.tell("feed", "--after", str(before))).splitlines():
            self._say(f"    {line}")

    async def _until(self, look: Callable[[], Awaitable[T | None]], step: str) -> T:
        try:
            async with asyncio.timeout(STEP_WITHIN):
                while True:
                    found = await look()
                    if found:
                        return found
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            raise StepFailed(f"{step}: that has not happened in {STEP_WITHIN:g} seconds.") from None
        except CommandFailed as error:
            raise StepFailed(f"{step}: {error}") from error


def _rows(answer: dict[str, object], name: str) -> list[dict[str, object]]:
    rows = answer.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _number(row: dict[str, object], name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) else 0
