"""The trial provider's IMAP: the proxy's server with what large servers can do beside it, and told to misbehave."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from gateway.proxy.imap import answers
from gateway.proxy.imap.mailstore import Row
from gateway.proxy.imap.names import encoded
from gateway.proxy.imap.parse import Arguments, Command
from gateway.proxy.imap.session import Options, Session, Verb
from gateway.proxy.wire import ConnectionLost, Wire
from gateway.trial.faults import Faults, Garbage, Refuse
from gateway.trial.mouth import Mouth
from gateway.trial.store import TrialAccount, TrialStore

Seen = tuple[int, int, int]  # UIDVALIDITY, UIDNEXT, and how many messages

_CHANGED_SINCE = re.compile(rb" \(CHANGEDSINCE [0-9]{1,19}\)", re.IGNORECASE)


class TrialSession(Session):
    """A session under a plan of faults; `resync` and `notify` have the commands that only it knows."""

    def __init__(
        self, wire: Wire, store: TrialStore, options: Options, verbs: Mapping[str, Verb], faults: Faults
    ) -> None:
        super().__init__(wire, store, options, verbs)
        self.enabled: set[str] = set()  # RFC 5161
        self.notified: dict[str, Seen] | None = None  # what was told last of each folder; None: not asked to tell
        self._faults = faults
        self._mouth = Mouth(wire, faults)

    @property
    def own(self) -> TrialAccount:
        """The account, once signed in."""
        assert isinstance(self.account, TrialAccount), "the store has no others"
        return self.account

    @property
    def extensions(self) -> tuple[str, ...]:
        return ("CONDSTORE", "QRESYNC", "NOTIFY", *self.own.extensions)

    @property
    def attributes(self) -> frozenset[str]:
        return frozenset({"MODSEQ", *(self.own.attributes)})

    def selected(self, arguments: Arguments) -> Callable[[tuple[int, Row]], bool]:
        if arguments.at_end:
            return super().selected(arguments)
        since = int(arguments.match(_CHANGED_SINCE, "CHANGEDSINCE").rstrip(b")").rpartition(b" ")[2])
        return lambda found: int(found[1].more["MODSEQ"].strip(b"()")) > since

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        ends = [super().watch(wake)]
        if self.notified is not None:
            selected = self.view.folder if self.view is not None else None
            ends += [folder.watch(wake) for folder in self.own.folders.values() if folder is not selected]
            ends.append(self.own.watch(wake))

        def end_all() -> None:
            for end in ends:
                end()

        return end_all

    async def update(self, *, expunges: bool) -> None:
        await super().update(expunges=expunges)
        if self.notified is not None and not self.ended:
            self._notify(self.notified)

    def _notify(self, told: dict[str, Seen]) -> None:
        """RFC 5465: STATUS of what changed elsewhere, LIST of what came or went."""
        selected = self.view.folder.name if self.view is not None else ""
        now = {name: folder.seen for name, folder in self.own.folders.items()}
        for name in [*now, *(told.keys() - now.keys())]:
            if name not in now:
                self.tell(f'LIST (\\NonExistent) "/" {wire_name(name)}')
            elif name not in told:
                self.tell(f'LIST () "/" {wire_name(name)}')
            if name in now and name != selected and now[name] != told.get(name):
                validity, uidnext, messages = now[name]
                self.tell(f"STATUS {wire_name(name)} (MESSAGES {messages} UIDNEXT {uidnext} UIDVALIDITY {validity})")
        told.clear()
        told.update(now)

    def write(self, data: bytes) -> None:
        self._mouth.write(data)

    async def greet(self) -> None:
        for stage in ("connect", "greeting"):
            instead = await self._mouth.meet(self._faults.take("imap", stage))
            if instead is not None:
                self._say_instead("*", instead)
                break
        else:
            await super().greet()
        self._mouth.answered()

    async def perform(self, command: Command) -> None:
        instead = await self._mouth.meet(self._faults.take("imap", command.name.lower(), command.arguments.rest))
        if instead is None:
            await super().perform(command)
        else:
            self._say_instead(command.tag, instead)
        self._mouth.answered()

    def _say_instead(self, tag: str, instead: Refuse | Garbage) -> None:
        if isinstance(instead, Garbage):
            self.write(instead.data)
        elif instead.code == "BYE":
            self.bye(instead.text)
            self.wire.close()
            raise ConnectionLost
        else:
            self.answer(tag, str(instead.code), instead.text)


def wire_name(name: str) -> str:
    """A folder's name as a quoted string; of the printable ones that the trial's folders have."""
    return answers.string(encoded(name)).decode("ascii")


def session_of(session: Session) -> TrialSession:
    """The trial's commands run on its own sessions only."""
    assert isinstance(session, TrialSession), "commands of the trial in another server's table"
    return session
