"""Other software of the firm that hears of events by HTTP: where, of what, in whose eyes, and how it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.record import EventKind


@dataclass(frozen=True, slots=True)
class Webhook:
    """``login`` is the member whose sight it has; empty: it was made by an operator, and hears of everything."""

    name: str
    url: str
    kinds: tuple[EventKind, ...]  # empty: all
    login: str
    made_at: datetime
    cursor: int  # the last event that is dealt with
    attempts: int = 0  # for the event after that
    next_attempt: datetime | None = None  # None: as soon as there is something
    last_error: str = ""
    is_off: bool = False  # the other side said 410, that it is not there any more

    def hears(self, kind: EventKind) -> bool:
        """Whether such events are sent to it."""
        return not self.kinds or kind in self.kinds


@dataclass(frozen=True, slots=True)
class Target:
    """An HTTP URL taken apart: where to connect, and what to ask for there."""

    host: str  # as in Host and for the certificate: lower case, without brackets
    port: int
    path: str  # with its query, at least "/"
    tls: bool

    @property
    def authority(self) -> str:
        """As the Host field has it (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"
