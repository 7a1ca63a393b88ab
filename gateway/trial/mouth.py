"""What leaves a trial server: everything, the first octets of it, or nothing."""

from __future__ import annotations

from gateway.proxy.wire import ConnectionLost, Wire
from gateway.trial.faults import Action, Drop, Faults, Garbage, HangUp, Refuse, Say, Stall


class Mouth:
    """Acts a fault out on one connection, for one answer at a time."""

    def __init__(self, wire: Wire, faults: Faults) -> None:
        self._wire = wire
        self._faults = faults
        self._left: int | None = None  # octets that may still leave
        self._hang_up = False

    def write(self, data: bytes) -> None:
        if self._left is None:
            self._wire.write(data)
            return
        self._wire.write(data[: self._left])
        self._left = max(0, self._left - len(data))
        if not self._left and not self._hang_up:
            self._wire.close()
            raise ConnectionLost

    async def meet(self, action: Action | None) -> Refuse | Garbage | None:
        """Does what comes before the answer; what it returns stands in place of the answer."""
        match action:
            case Refuse() | Garbage():
                return action
            case Stall():
                await self._wire.drain()
                await self._faults.stall(action.seconds)
            case Say():
                self._wire.write(action.data)
            case HangUp(after_answer=True):
                self._hang_up = True
            case HangUp(after_bytes=0):
                self._wire.close()
                raise ConnectionLost
            case HangUp():
                self._left = action.after_bytes
            case Drop():
                self._left, self._hang_up = 0, True
            case None:
                pass
        return None

    def answered(self) -> None:
        """The answer is out: hangs up where that was planned; an answer shorter than its cut ends the fault."""
        if self._hang_up or self._left is not None:
            self._wire.close()
            raise ConnectionLost
