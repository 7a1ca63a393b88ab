"""A signed-in connection to a mailbox's SMTP server, as the settings want it protected."""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.errors import SignInRefused
from gateway.domain.firm import Endpoint, Mailbox, Security
from gateway.domain.mail import Delivery, Outcome
from gateway.upstream.smtp.conversation import Conversation
from gateway.upstream.smtp.message import Extensions
from gateway.upstream.smtp.outcomes import NoAnswer, Trouble, cleaned, refused, unanswered
from gateway.upstream.smtp.patience import Patience
from gateway.upstream.smtp.replies import Reply
from gateway.upstream.tls import client_context

REFUSING = frozenset({530, 534, 535, 538})  # RFC 4954 section 6: the password, or how it was given, is not accepted


@dataclass(slots=True, eq=False)
class Line:
    """A connection that is ready for mail."""

    conversation: Conversation
    extensions: Extensions
    mailbox: Mailbox  # as it was when the connection was opened
    messages: int = 0  # begun over it

    @property
    def reports(self) -> bool:
        """Whether the server takes over to tell authors what they want to know (RFC 3461)."""
        return "DSN" in self.extensions


async def open_account(mailbox: Mailbox, *, hostname: str, trust: Path | None, patience: Patience) -> Line:
    """A connection after EHLO and AUTH. Raises SignInRefused and Trouble; nothing stays open then.

    No AUTH octet is sent unless the protection that the settings ask for is there.
    """
    endpoint = mailbox.smtp
    try:
        context = client_context(trust)
    except OSError as error:
        raise Trouble(unanswered("tls", f"the file of trusted authorities can't be read: {error}")) from None
    conversation = await _connect(endpoint, context, patience.connect)
    try:
        expect(await conversation.reply("connect", patience.connect), 220, "connect")
        extensions = await _greet(conversation, hostname, patience)
        if endpoint.security is Security.STARTTLS:
            await _start_tls(conversation, extensions, context, endpoint, patience)
            extensions = await _greet(conversation, hostname, patience)
        await _sign_in(conversation, extensions, mailbox, patience.command)
    except BaseException:
        conversation.close()
        raise
    return Line(conversation, extensions, mailbox)


def expect(reply: Reply, code: int, stage: str) -> None:
    """Trouble unless that was the answer."""
    if reply.code != code:
        raise Trouble(refused(reply.code, reply.text, stage))


async def _connect(endpoint: Endpoint, context: ssl.SSLContext, limit: float) -> Conversation:
    tls = endpoint.security is Security.TLS
    try:
        async with asyncio.timeout(limit):
            _, conversation = await asyncio.get_running_loop().create_connection(
                Conversation,
                endpoint.host,
                endpoint.port,
                ssl=context if tls else None,
                server_hostname=endpoint.host if tls else None,
            )
    except TimeoutError:
        raise NoAnswer(unanswered("connect", f"{endpoint.host} did not answer in time")) from None
    except ssl.SSLError as error:
        raise Trouble(_untrusted(error, endpoint)) from None
    except OSError as error:
        raise NoAnswer(unanswered("connect", f"no connection to {endpoint.host}: {error}")) from None
    return conversation


async def _greet(conversation: Conversation, hostname: str, patience: Patience) -> Extensions:
    """EHLO, and what the server says that it can (RFC 5321 section 4.1.1.1)."""
    reply = await conversation.ask(b"EHLO %s\r\n" % hostname.encode("ascii", "replace"), "connect", patience.command)
    expect(reply, 250, "connect")
    words = (line.partition(" ") for line in reply.text.split("\n")[1:])
    return {keyword.upper(): rest.strip() for keyword, _, rest in words}


async def _start_tls(
    conversation: Conversation, extensions: Extensions, context: ssl.SSLContext, endpoint: Endpoint, patience: Patience
) -> None:
    """RFC 3207. A server, or someone between, that does not offer it or speaks on in clear, gets nothing of us."""
    if "STARTTLS" not in extensions:
        text = f"{endpoint.host} does not offer STARTTLS, which the settings of the mailbox ask for"
        raise Trouble(unanswered("tls", text, status="4.7.10"))
    reply = await conversation.ask(b"STARTTLS\r\n", "tls", patience.command)
    if reply.code != 220:
        text = f"{endpoint.host} refused STARTTLS: {reply.code} {reply.text}"
        raise Trouble(unanswered("tls", text, status="4.7.0"))
    if not conversation.is_quiet and not conversation.was_lost:  # hostile.md M1: it would be read as if TLS had said it
        text = f"someone sent plaintext behind the STARTTLS reply of {endpoint.host}"
        raise Trouble(unanswered("tls", text, status="4.7.5"))
    try:
        await conversation.start_tls(context, endpoint.host, patience.connect)
    except OSError as error:
        raise Trouble(_untrusted(error, endpoint)) from None


async def _sign_in(conversation: Conversation, extensions: Extensions, mailbox: Mailbox, limit: float) -> None:
    """RFC 4954. Without a password in the settings the server is taken to know us otherwise."""
    if not mailbox.password.value:
        return
    offered = extensions.get("AUTH", "").upper().split()
    name, password = mailbox.username.encode(), mailbox.password.value.encode()
    if "PLAIN" in offered:
        reply = await conversation.ask(b"AUTH PLAIN %s\r\n" % _coded(b"\0%s\0%s" % (name, password)), "auth", limit)
    elif "LOGIN" in offered:
        reply = await conversation.ask(b"AUTH LOGIN\r\n", "auth", limit)
        for answer in (name, password):
            if reply.code == 334:
                reply = await conversation.ask(_coded(answer) + b"\r\n", "auth", limit)
    else:
        text = f"{mailbox.smtp.host} offers neither AUTH PLAIN nor LOGIN"
        raise Trouble(unanswered("auth", text, status="4.7.0"))
    if reply.code != 235:
        raise _not_signed_in(mailbox, refused(reply.code, reply.text, "auth"))


def _coded(words: bytes) -> bytes:
    return base64.b64encode(words)


def _not_signed_in(mailbox: Mailbox, outcome: Outcome) -> Exception:
    if outcome.code in REFUSING:
        return SignInRefused(
            f"{mailbox.smtp.host} refuses the user name or password of {mailbox.address} for sending: "
            "correct them in the firm's settings, then sync the mailbox again",
            detail=cleaned(f"{outcome.code} {outcome.text}"),
        )
    if outcome.delivery is Delivery.FAILED:  # the server's trouble with signing in is no fault of the message
        return Trouble(unanswered("auth", f"signing in failed: {outcome.code} {outcome.text}", status="4.7.0"))
    return Trouble(outcome)


def _untrusted(error: OSError, endpoint: Endpoint) -> Outcome:
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    text = f"no trusted TLS connection to {endpoint.host}: {reason or type(error).__name__}"
    return unanswered("tls", text, status="4.7.5")
