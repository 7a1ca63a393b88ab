"""How the program ends: the codes of sysexits.h that users' scripts rely on, and the one error that carries them."""

from __future__ import annotations

from collections.abc import Sequence

OK = 0
USAGE = 64
DATA = 65
UNAVAILABLE = 69
SOFTWARE = 70
TRY_AGAIN = 75
NOT_ALLOWED = 77
SETTINGS = 78
INTERRUPTED = 130  # as a shell reports SIGINT

_BY_STATUS = {403: NOT_ALLOWED, 401: NOT_ALLOWED, 408: TRY_AGAIN, 502: TRY_AGAIN, 503: TRY_AGAIN, 507: TRY_AGAIN}


class Failed(Exception):
    """The command ends here: ``sentence`` and then ``faults``, one per line, go to stderr."""

    def __init__(self, code: int, sentence: str, faults: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.faults = tuple(faults)


def code_of(status: int) -> int:
    """What the daemon's HTTP status means to a shell script."""
    return _BY_STATUS.get(status, DATA if status < 500 else SOFTWARE)
