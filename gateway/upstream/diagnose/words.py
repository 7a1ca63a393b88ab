"""The words for each way in which a step can fail: what it is, and what to do about it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from gateway.domain.errors import PosternError, SignInRefused
from gateway.domain.firm import Endpoint, Security
from gateway.upstream.diagnose.certificate import untrusted
from gateway.upstream.diagnose.found import APPLY, Failed
from gateway.upstream.smtp.outcomes import Trouble


def explained(error: Exception, endpoint: Endpoint) -> Failed:
    """The words for what our own clients raise, and for what is below them."""
    if isinstance(error, Failed):
        return error
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return untrusted(cause, endpoint.host)
        if isinstance(cause, ssl.SSLError):
            return _unprotected(cause, endpoint)
    if isinstance(error, SignInRefused):
        words = f" ({error.detail})" if error.detail and error.detail not in error.sentence else ""
        return Failed(
            f"{error.sentence.rstrip('.')}{words}.",
            f"Look at username and password of the mailbox: {APPLY}. Many providers want an app password.",
        )
    return Failed(_said(error, endpoint), _advice(endpoint))


def _said(error: Exception, endpoint: Endpoint) -> str:
    if isinstance(error, PosternError):
        return error.sentence
    if isinstance(error, Trouble):
        return f"{endpoint.host}: {error.outcome.text}."
    place = f"{endpoint.host}:{endpoint.port}"
    return f"{place} does not answer in time." if isinstance(error, TimeoutError) else f"{place}: {error}."


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, also where its raiser hid that from a trace."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _unprotected(error: ssl.SSLError, endpoint: Endpoint) -> Failed:
    reason = (error.reason or "").upper()
    place = f"{endpoint.host}:{endpoint.port}"
    if any(word in reason for word in ("WRONG_VERSION_NUMBER", "RECORD_LAYER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")):
        return Failed(
            f"{place} does not speak TLS from the first octet.",
            f"Set security to starttls, or the port to that of TLS (993 for IMAP, 465 for SMTP): {APPLY}.",
        )
    if "PROTOCOL" in reason:
        return Failed(
            f"{place} speaks no TLS that is still safe (1.2 or newer).", "Have the server updated by whoever runs it."
        )
    return Failed(f"No TLS with {place}: {error.reason or error}.", _advice(endpoint))


def _advice(endpoint: Endpoint) -> str:
    if endpoint.security is Security.TLS:
        return f"Look at host, port and security of the mailbox: {APPLY}; if they are right, ask the provider."
    return (
        "Look at host, port and security of the mailbox; a server that says nothing may wait for TLS "
        f"(security tls, ports 993 and 465): {APPLY}; if they are right, ask the provider."
    )
