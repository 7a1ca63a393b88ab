"""A signed-in connection to a mailbox's SMTP server, as the settings want it protected."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import aiosmtplib
from aiosmtplib.response import SMTPResponse

from gateway.domain.errors import SignInRefused
from gateway.domain.firm import Endpoint, Mailbox, Security
from gateway.domain.mail import Outcome
from gateway.upstream.smtp.outcomes import Trouble, cleaned, refused, unanswered
from gateway.upstream.smtp.patience import Patience
from gateway.upstream.tls import client_context

REFUSING = frozenset({530, 534, 535, 538})  # RFC 4954 section 6: the password, or how it was given, is not accepted

T = TypeVar("T")


async def open_account(mailbox: Mailbox, *, hostname: str, trust: Path | None, patience: Patience) -> aiosmtplib.SMTP:
    """A connection after EHLO and AUTH. Raises SignInRefused and Trouble; nothing stays open then.

    No AUTH octet is sent unless the protection that the settings ask for is there.
    """
    endpoint = mailbox.smtp
    try:
        context = client_context(trust)
    except OSError as error:
        raise Trouble(unanswered("tls", f"the file of trusted authorities can't be read: {error}")) from None
    client = aiosmtplib.SMTP(
        hostname=endpoint.host,
        port=endpoint.port,
        local_hostname=hostname,
        timeout=patience.connect,
        use_tls=endpoint.security is Security.TLS,
        start_tls=False,  # ours is stricter: see _start_tls
        tls_context=context,
    )
    try:
        await _connect(client, endpoint)
        client.timeout = patience.command
        await _greet(client)
        if endpoint.security is Security.STARTTLS:
            await _start_tls(client, context, endpoint, patience.connect)
            await _greet(client)
        await _sign_in(client, mailbox)
    except BaseException:
        client.close()
        raise
    return client


async def said(conversation: Awaitable[T], stage: str) -> T:
    """What the server answered. Trouble where it hung up, kept silent, or said what is not SMTP."""
    try:
        return await conversation
    except TimeoutError:
        raise Trouble(unanswered(stage, "the server did not answer in time")) from None
    except aiosmtplib.SMTPResponseException as error:  # also nonsense, under a code of the library's own
        raise Trouble(refused(error.code, error.message, stage)) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Trouble(unanswered(stage, f"the connection was lost: {error}")) from None


async def _connect(client: aiosmtplib.SMTP, endpoint: Endpoint) -> None:
    try:
        await client.connect()
    except aiosmtplib.SMTPConnectTimeoutError:
        raise Trouble(unanswered("connect", f"{endpoint.host} did not answer in time")) from None
    except aiosmtplib.SMTPResponseException as error:
        raise Trouble(refused(error.code, error.message, "connect")) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise Trouble(_untrusted(error.__cause__, endpoint)) from None
        raise Trouble(unanswered("connect", f"no connection to {endpoint.host}: {error.__cause__ or error}")) from None


async def _greet(client: aiosmtplib.SMTP) -> None:
    await said(client.ehlo(), "connect")


async def _start_tls(client: aiosmtplib.SMTP, context: ssl.SSLContext, endpoint: Endpoint, limit: float) -> None:
    """RFC 3207. A server, or someone between, that does not offer it or speaks on in clear, gets nothing of us."""
    if not client.supports_extension("starttls"):
        text = f"{endpoint.host} does not offer STARTTLS, which the settings of the mailbox ask for"
        raise Trouble(unanswered("tls", text, status="4.7.10"))
    response = await said(client.execute_command(b"STARTTLS"), "tls")
    protocol = client.protocol
    if response.code != 220 or protocol is None or protocol.transport is None:
        text = f"{endpoint.host} refused STARTTLS: {response.code} {response.message}"
        raise Trouble(unanswered("tls", text, status="4.7.0"))
    if protocol._buffer:  # the library would throw it away; but who sends it is no mail server
        text = f"someone sent plaintext behind the STARTTLS reply of {endpoint.host}"
        raise Trouble(unanswered("tls", text, status="4.7.5"))
    assert isinstance(protocol.transport, asyncio.Transport)
    try:
        transport = await asyncio.get_running_loop().start_tls(
            protocol.transport,
            protocol,
            context,
            server_hostname=endpoint.host,
            ssl_handshake_timeout=limit,
        )
    except OSError as error:
        raise Trouble(_untrusted(error, endpoint)) from None
    client.transport = protocol.transport = transport


async def _sign_in(client: aiosmtplib.SMTP, mailbox: Mailbox) -> None:
    """RFC 4954. Without a password in the settings the server is taken to know us otherwise."""
    if not mailbox.password.value:
        return
    offered = client.server_auth_methods
    method = client.auth_plain if "plain" in offered else client.auth_login if "login" in offered else None
    if method is None:
        text = f"{mailbox.smtp.host} offers neither AUTH PLAIN nor LOGIN"
        raise Trouble(unanswered("auth", text, status="4.7.0"))
    try:
        await said(_authenticated(method(mailbox.username, mailbox.password.value)), "auth")
    except Trouble as trouble:
        outcome = trouble.outcome
        if outcome.code in REFUSING:
            raise _refused(mailbox, outcome.code, outcome.text) from None
        if outcome.code // 100 == 5:  # the server's trouble with signing in is no fault of the message
            text = f"signing in failed: {outcome.code} {outcome.text}"
            raise Trouble(unanswered("auth", text, status="4.7.0")) from None
        raise


async def _authenticated(attempt: Awaitable[SMTPResponse]) -> None:
    response = await attempt
    if response.code != 235:
        raise aiosmtplib.SMTPAuthenticationError(response.code, response.message)


def _refused(mailbox: Mailbox, code: int, text: str) -> SignInRefused:
    return SignInRefused(
        f"{mailbox.smtp.host} refuses the user name or password of {mailbox.address} for sending: "
        "correct them in the firm's settings, then sync the mailbox again",
        detail=cleaned(f"{code} {text}"),
    )


def _untrusted(error: OSError, endpoint: Endpoint) -> Outcome:
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    text = f"no trusted TLS connection to {endpoint.host}: {reason or type(error).__name__}"
    return unanswered("tls", text, status="4.7.5")
