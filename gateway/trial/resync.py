"""The trial's SELECT and EXAMINE, which tell what went since (RFC 7162), and ENABLE for it (RFC 5161)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.proxy.imap.answers import Bad
from gateway.proxy.imap.commands.selection import open_folder
from gateway.proxy.imap.parse import Command
from gateway.proxy.imap.sequence import written
from gateway.proxy.imap.session import Session, State, Verb
from gateway.trial.imap import session_of
from gateway.trial.store import TrialFolder

_PARAMETER = re.compile(rb" \((?:CONDSTORE|QRESYNC \([1-9][0-9]* [1-9][0-9]*(?: [0-9:,]+)?\))\)", re.IGNORECASE)
_ENABLED_BY = {"QRESYNC": {"QRESYNC", "CONDSTORE"}, "CONDSTORE": {"CONDSTORE"}}


async def enable(session: Session, command: Command) -> str:
    """RFC 5161; of what is not offered nothing is said."""
    trial, new = session_of(session), set[str]()
    while not command.arguments.at_end:
        command.arguments.space()
        word = command.arguments.atom()
        if word in _ENABLED_BY and trial.offers(word):
            new |= _ENABLED_BY[word]
    trial.enabled |= new
    trial.tell(" ".join(["ENABLED", *sorted(new)]))
    return "enabled"


async def select(session: Session, command: Command) -> str:
    """With the parameters of RFC 7162 sections 3.1.8 and 3.2.5."""
    return await _open(session, command, read_only=False)


async def examine(session: Session, command: Command) -> str:
    """The same, to look only."""
    return await _open(session, command, read_only=True)


async def _open(session: Session, command: Command, *, read_only: bool) -> str:
    trial, arguments = session_of(session), command.arguments
    arguments.space()
    name = arguments.mailbox()
    known = _known(arguments.match(_PARAMETER, "CONDSTORE or QRESYNC")) if arguments.next(b" (") else None
    arguments.end()
    if known is not None and "QRESYNC" not in trial.enabled:
        raise Bad("enable QRESYNC first")
    text = await open_folder(session, name, read_only=read_only)
    folder = await trial.own.open(name)
    if trial.view is not None:
        trial.view.by_uid = "QRESYNC" in trial.enabled
    if trial.offers("CONDSTORE"):
        trial.tell(f"OK [HIGHESTMODSEQ {folder.highestmodseq}] where it stands")
    _tell_vanished(session, folder, known)
    return text


def _known(parameter: bytes) -> tuple[int, int] | None:
    """UIDVALIDITY and mod-sequence that the client has; None where it only wants CONDSTORE."""
    numbers = [int(number) for number in re.findall(rb"[0-9]+", parameter)[:2]]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None


def _tell_vanished(session: Session, folder: TrialFolder, known: tuple[int, int] | None) -> None:
    if known is None or known[0] != folder.uidvalidity:
        return
    gone = folder.vanished(known[1])
    if gone:
        session.tell(b"VANISHED (EARLIER) " + written(gone))


VERBS: Mapping[str, Verb] = {
    "ENABLE": Verb(enable, since=State.SIGNED_IN, needs="ENABLE"),
    "SELECT": Verb(select, since=State.SIGNED_IN),
    "EXAMINE": Verb(examine, since=State.SIGNED_IN),
}
