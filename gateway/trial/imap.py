"""The trial provider's IMAP: the proxy's server, with a session that can be told to misbehave."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.proxy.imap.parse import Command
from gateway.proxy.imap.session import Options, Session, Verb
from gateway.proxy.wire import ConnectionLost, Wire
from gateway.trial.faults import Faults, Garbage, Refuse
from gateway.trial.mouth import Mouth
from gateway.trial.store import TrialStore


class TrialSession(Session):
    """A session under a plan of faults."""

    def __init__(
        self, wire: Wire, store: TrialStore, options: Options, verbs: Mapping[str, Verb], faults: Faults
    ) -> None:
        super().__init__(wire, store, options, verbs)
        self._faults = faults
        self._mouth = Mouth(wire, faults)

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
