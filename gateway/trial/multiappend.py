"""The trial's APPEND, which takes many messages at once (RFC 3502); all are kept, or none, since memory keeps them."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.proxy.imap.commands import changes
from gateway.proxy.imap.parse import Command
from gateway.proxy.imap.session import Session, State, Verb
from gateway.trial.imap import session_of


async def append(session: Session, command: Command) -> str:
    """As many as there are, read before the first is kept; where it is not offered there may be one."""
    arguments = command.arguments
    arguments.space()
    name = arguments.mailbox()
    letters = [changes.read_letter(arguments)]
    while not arguments.at_end and _takes_many(session):
        letters.append(changes.read_letter(arguments))
    arguments.end()
    return await changes.put(session, name, letters)


def _takes_many(session: Session) -> bool:
    return session.offers("MULTIAPPEND") and "MULTIAPPEND" in session_of(session).extensions


VERBS: Mapping[str, Verb] = {"APPEND": Verb(append, since=State.SIGNED_IN)}
