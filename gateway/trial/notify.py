"""The trial's NOTIFY: a session is told of what happens in the folders that it has not selected (RFC 5465)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.proxy.imap.parse import Command
from gateway.proxy.imap.session import Session, State, Verb
from gateway.trial.imap import session_of

_WANTED = re.compile(
    rb" (?:NONE|SET \(SELECTED \(MessageNew MessageExpunge\)\)"
    rb" \(PERSONAL \(MessageNew MessageExpunge MailboxName\)\))\Z",
    re.IGNORECASE,
)


async def notify(session: Session, command: Command) -> str:
    """Everything that RFC 5465 lets one ask for in one form, or nothing: what a client of ours says."""
    trial = session_of(session)
    wanted = command.arguments.match(_WANTED, "NONE, or SET with the selected folder and all personal ones")
    command.arguments.end()
    told = {name: folder.seen for name, folder in trial.own.folders.items()}
    trial.notified = None if wanted.upper().endswith(b"NONE") else told
    return "you will hear of it" if trial.notified is not None else "you will not hear of it"


VERBS: Mapping[str, Verb] = {"NOTIFY": Verb(notify, since=State.SIGNED_IN, needs="NOTIFY")}
