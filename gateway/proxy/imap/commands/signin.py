"""Greeting each other, protecting the connection, and signing in (RFC 9051 sections 6.1 and 6.2)."""

from __future__ import annotations

import base64
import binascii

import structlog

from gateway.domain.errors import TemporaryFailure
from gateway.proxy.imap.answers import Answered, Bad, No
from gateway.proxy.imap.parse import Command
from gateway.proxy.imap.session import Session

MAX_SASL = 12_288  # octets of base64, RFC 4954 section 4
MAX_REFUSED = 3  # wrong passwords on one connection; what is guessed over many is the store's to notice
MAX_ID_FIELDS = 30  # RFC 2971 section 3.3

log = structlog.get_logger()


async def capability(session: Session, command: Command) -> str:
    """RFC 9051 section 6.1.1."""
    command.arguments.end()
    session.tell(f"CAPABILITY {session.capabilities()}")
    return "that is what I can do"


async def noop(session: Session, command: Command) -> str:
    """RFC 9051 section 6.1.2: a chance to tell what changed."""
    command.arguments.end()
    return "nothing done"


async def logout(session: Session, command: Command) -> str:
    """RFC 9051 section 6.1.3."""
    command.arguments.end()
    session.bye("until next time")
    return "signed out"


async def identify(session: Session, command: Command) -> str:
    """RFC 2971; what the client says of itself is not kept."""
    arguments = command.arguments
    arguments.space()
    if not arguments.accept(b"NIL"):
        arguments.expect(b"(")
        count = 0
        while not arguments.accept(b")"):
            if count:
                arguments.space()
            arguments.string()
            arguments.space()
            if not arguments.accept(b"NIL"):
                arguments.string()
            count += 1
            if count > MAX_ID_FIELDS:
                raise Bad("that is too much about you")
    arguments.end()
    session.tell('ID ("name" "Postern")')
    return "pleased to meet you"


async def starttls(session: Session, command: Command) -> str:
    """Plaintext that came behind the command ends the connection (RFC 9051 section 6.2.1)."""
    command.arguments.end()
    if session.options.tls is None or session.wire.tls:
        raise Bad("TLS is not to be had here")
    session.answer(command.tag, "OK", "begin TLS now")
    await session.wire.start_tls(session.options.tls)
    raise Answered


async def login(session: Session, command: Command) -> str:
    """RFC 9051 section 6.2.3."""
    arguments = command.arguments
    arguments.space()
    username = arguments.astring()
    arguments.space()
    password = arguments.astring()
    arguments.end()
    return await _sign_in(session, username, password)


async def authenticate(session: Session, command: Command) -> str:
    """AUTHENTICATE PLAIN, with or without the initial response (RFC 4616, RFC 4959)."""
    arguments = command.arguments
    arguments.space()
    mechanism = arguments.atom()
    if mechanism != "PLAIN":
        raise No("only PLAIN is spoken here", code="CANNOT")
    if not session.may_sign_in:
        raise No("begin TLS first", code="PRIVACYREQUIRED")
    if arguments.accept(b" "):
        response = arguments.rest.encode("ascii", "replace")
    else:
        arguments.end()
        session.write(b"+ \r\n")
        response = (await session.line(MAX_SASL)).rstrip(b"\r\n")
    if response == b"*":
        raise Bad("you gave up")
    return await _sign_in(session, *_plain(response))


def _plain(response: bytes) -> tuple[bytes, bytes]:
    try:
        pieces = base64.b64decode(response, validate=True).split(b"\0")
    except binascii.Error:
        raise Bad("that is not base64") from None
    if len(pieces) != 3:
        raise Bad("PLAIN has three parts")
    authorise, username, password = pieces
    if authorise not in {b"", username}:
        raise No("nobody acts as another here", code="AUTHORIZATIONFAILED")
    return username, password


async def _sign_in(session: Session, username: bytes, password: bytes) -> str:
    if not session.may_sign_in:
        raise No("begin TLS first", code="PRIVACYREQUIRED")
    try:
        name, secret = username.decode("utf-8"), password.decode("utf-8")
    except UnicodeDecodeError:
        raise No("wrong user name or password", code="AUTHENTICATIONFAILED") from None
    try:
        account = await session.store.sign_in(name, secret, session.wire.peer) if secret else None
    except TemporaryFailure as error:
        raise No("try again later", code="UNAVAILABLE") from error
    if account is None:
        log.info("imap sign-in refused", peer=session.wire.peer)
        session.sign_ins_refused += 1
        if session.sign_ins_refused >= MAX_REFUSED:
            session.bye("that was not it either")
        raise No("wrong user name or password", code="AUTHENTICATIONFAILED")
    session.account = account
    return f"[CAPABILITY {session.capabilities()}] signed in"


async def enable(session: Session, command: Command) -> str:
    """RFC 5161; nothing that is offered needs to be enabled."""
    arguments = command.arguments
    while not arguments.at_end:
        arguments.space()
        arguments.atom()
    session.tell("ENABLED")
    return "nothing more to enable"
