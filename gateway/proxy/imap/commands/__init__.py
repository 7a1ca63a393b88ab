"""The commands, a file for each thing they are about; this is the table of them all."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.proxy.imap.commands import changes, folders, reading, selection, signin
from gateway.proxy.imap.session import State, Verb

VERBS: Mapping[str, Verb] = {
    "CAPABILITY": Verb(signin.capability),
    "NOOP": Verb(signin.noop),
    "LOGOUT": Verb(signin.logout),
    "ID": Verb(signin.identify, needs="ID"),
    "STARTTLS": Verb(signin.starttls, until=State.GREETED, needs="STARTTLS"),
    "LOGIN": Verb(signin.login, until=State.GREETED),
    "AUTHENTICATE": Verb(signin.authenticate, until=State.GREETED),
    "ENABLE": Verb(signin.enable, since=State.SIGNED_IN, needs="ENABLE"),
    "LIST": Verb(folders.list_, since=State.SIGNED_IN),
    "LSUB": Verb(folders.lsub, since=State.SIGNED_IN),
    "STATUS": Verb(folders.status, since=State.SIGNED_IN),
    "NAMESPACE": Verb(folders.namespace, since=State.SIGNED_IN, needs="NAMESPACE"),
    "CREATE": Verb(folders.create, since=State.SIGNED_IN),
    "SUBSCRIBE": Verb(folders.subscribe, since=State.SIGNED_IN),
    "UNSUBSCRIBE": Verb(folders.unsubscribe, since=State.SIGNED_IN),
    "SELECT": Verb(selection.select, since=State.SIGNED_IN),
    "EXAMINE": Verb(selection.examine, since=State.SIGNED_IN),
    "IDLE": Verb(selection.idle, since=State.SIGNED_IN, needs="IDLE"),
    "CHECK": Verb(selection.check, since=State.SELECTED),
    "CLOSE": Verb(selection.close, since=State.SELECTED),
    "UNSELECT": Verb(selection.unselect, since=State.SELECTED, needs="UNSELECT"),
    "FETCH": Verb(reading.fetch, since=State.SELECTED, uid=True),
    "SEARCH": Verb(reading.search, since=State.SELECTED, uid=True),
    "APPEND": Verb(changes.append, since=State.SIGNED_IN),
    "STORE": Verb(changes.store, since=State.SELECTED, uid=True),
    "COPY": Verb(changes.copy, since=State.SELECTED, uid=True),
    "MOVE": Verb(changes.move, since=State.SELECTED, needs="MOVE", uid=True),
    "EXPUNGE": Verb(changes.expunge, since=State.SELECTED, uid=True),
}
