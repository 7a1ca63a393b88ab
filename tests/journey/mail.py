"""The messages of the journeys, and a mail program made of the standard library."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Sequence
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from tests.journey.firm import ANA_PASSWORD

STATEMENT = bytes(range(256)) * 40  # an attachment in which every octet counts


def note(sender: str, to: str, subject: str = "Your contract", *, html: bool = False, more: str = "") -> bytes:
    """Return a plain letter, with an HTML twin where asked; `more` goes on top of the header."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message.set_content("Dear Al,\r\nthe contract is ready.\r\n")
    if html:
        message.add_alternative("<html><body><p>Dear Al,<br>the contract is ready.</p></body></html>", subtype="html")
    return more.encode() + message.as_bytes()


def answer(sender: str, to: str, subject: str, in_reply_to: str, name: str = "statement.pdf") -> bytes:
    """Return what the client writes back, with an attachment."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = f"Al Pacino <{sender}>"
    message["To"] = to
    message["Subject"] = f"Re: {subject}"
    message["Message-ID"] = f"<answer-{in_reply_to.strip('<>')}>"
    if in_reply_to:
        message["In-Reply-To"] = in_reply_to
        message["References"] = in_reply_to
    message.set_content("Thank you, the statement is attached.\r\n")
    message.add_attachment(STATEMENT, maintype="application", subtype="pdf", filename=name)
    return message.as_bytes()


def read(raw: bytes) -> EmailMessage:
    """Return the message parsed for looking at."""
    return BytesParser(policy=policy.default).parsebytes(raw)


def submit_now(
    port: int,
    sender: str,
    recipients: Sequence[str],
    raw: bytes,
    *,
    login: str = "ana",
    password: str = ANA_PASSWORD,
    trust: ssl.SSLContext | None = None,
) -> str:
    """Submit as a mail program does and return what the server said behind 250; smtplib's exceptions come through."""
    with smtplib.SMTP("localhost", port, timeout=60) as smtp:
        if trust:
            smtp.starttls(context=trust)
        smtp.login(login, password)
        smtp.ehlo_or_helo_if_needed()
        code, text = smtp.mail(sender, [f"SIZE={len(raw)}"])
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, text, sender)
        for recipient in recipients:
            code, text = smtp.rcpt(recipient)
            if code != 250:
                raise smtplib.SMTPRecipientsRefused({recipient: (code, text)})
        code, text = smtp.data(raw)
        if code != 250:
            raise smtplib.SMTPDataError(code, text)
        return text.decode()


async def submit(
    port: int,
    sender: str,
    recipients: Sequence[str],
    raw: bytes,
    *,
    login: str = "ana",
    password: str = ANA_PASSWORD,
) -> str:
    """Do the same beside the event loop."""
    return await asyncio.to_thread(submit_now, port, sender, recipients, raw, login=login, password=password)
