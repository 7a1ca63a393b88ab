"""Signing in to the provider: which way, and what a refusal means."""

from __future__ import annotations

import re
from base64 import b64encode

from gateway.domain.errors import CommandRefused, SignInRefused, Unreachable, UpstreamError
from gateway.domain.firm import Secret
from gateway.policy.patience import asked_for
from gateway.upstream.imap.command import Command, string
from gateway.upstream.imap.connection import Connection
from gateway.upstream.imap.parse import Status

NOT_NOW = frozenset({"UNAVAILABLE", "LIMIT", "INUSE", "SERVERBUG", "THROTTLED", "OVERQUOTA"})
"""Response codes (RFC 5530) that say nothing about the password."""

WHAT_TO_DO = {
    "AUTHENTICATIONFAILED": "Check both; some providers want an app password.",
    "EXPIRED": "The password has expired: choose a new one at the provider, then write it into the mailbox's settings.",
    "PRIVACYREQUIRED": "It wants a protected connection: set the mailbox's security to tls or starttls.",
    "CONTACTADMIN": "The account is barred: ask the provider's support, then let the gateway try again.",
    "AUTHORIZATIONFAILED": "The account may not use this mailbox: ask whoever grants access to it.",
}
"""By response code, what helps where trying again does not."""

_NOT_NOW_WORDS = re.compile(
    r"too many|simultaneous|later|temporar|unavailable|throttl|internal error|timed? ?out", re.IGNORECASE
)


async def sign_in(connection: Connection, username: str, password: Secret) -> None:
    """Sign in; SignInRefused when retrying alone does not help, Unreachable when it may."""
    if connection.state == "AUTH":  # PREAUTH: the connection itself is the credential
        return
    user, secret = (text.encode("utf-8", "surrogateescape") for text in (username, password.value))
    if any(octet in user + secret for octet in b"\r\n\0"):
        raise SignInRefused(
            "The user name or password of the mailbox holds a line break or a NUL, which no mail server takes. "
            "Write it again; a secret read from a file must be one line."
        )
    before = connection.capabilities
    status = await connection.attempt(_command(connection, user, secret))
    if status.kind != "OK":
        raise _refusal(connection, status, password)
    connection.state = "AUTH"
    if status.code != "CAPABILITY" and connection.capabilities == before:
        await connection.run(Command("CAPABILITY"))


def _command(connection: Connection, user: bytes, secret: bytes) -> Command:
    offered = connection.capabilities
    plain = b64encode(b"\0" + user + b"\0" + secret)
    if "AUTH=PLAIN" in offered and "SASL-IR" in offered:
        return Command("AUTHENTICATE", (b"PLAIN", plain))
    if "LOGINDISABLED" not in offered:
        return Command("LOGIN", (string(user), string(secret)))
    if "AUTH=PLAIN" in offered:
        return Command("AUTHENTICATE", (b"PLAIN",), answers=(plain,))
    raise SignInRefused(
        f"The mail server at {connection.endpoint.host} takes no password on this connection. "
        "Set the mailbox's security to tls or starttls.",
        detail="LOGINDISABLED, and no AUTH=PLAIN",
    )


def _refusal(connection: Connection, status: Status, password: Secret) -> UpstreamError:
    host = connection.endpoint.host
    words = (status.text.replace(password.value, "[secret]") if password.value else status.text).rstrip(". ")
    detail = f"{status.kind} [{status.code}] {words}"
    telling = status.code in {"", "ALERT"}
    passing = status.code in NOT_NOW or asked_for(words) or (telling and _NOT_NOW_WORDS.search(words))
    if passing:
        return Unreachable(f"The mail server at {host} lets nobody sign in at the moment: {words}.", detail=detail)
    if status.kind == "BAD":
        return CommandRefused(f"The mail server at {host} did not understand the sign-in: {words}.", detail=detail)
    return SignInRefused(
        f"The mail server at {host} refused the user name or password: {words}. "
        f"{WHAT_TO_DO.get(status.code, WHAT_TO_DO['AUTHENTICATIONFAILED'])}",
        detail=detail,
    )
