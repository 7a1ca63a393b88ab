"""Who asks over the admin socket, and how far they see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.firm import Role


class Standing(StrEnum):
    """As what somebody asks: the machine's own people, or a member who showed a token."""

    OPERATOR = "operator"  # root, the daemon's user, and the admin group where it needs no token
    OWNER = "owner"
    ADMIN = "admin"
    EMPLOYEE = "employee"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks; ``login`` is empty for an operator."""

    standing: Standing
    login: str = ""

    def __post_init__(self) -> None:
        if (self.standing is Standing.OPERATOR) == bool(self.login):
            raise ValueError("a member has a login, an operator has none")

    @classmethod
    def member(cls, login: str, role: Role) -> Caller:
        """A member with the standing of their role."""
        return cls(Standing(role.value), login)


OPERATOR = Caller(Standing.OPERATOR)


class Way(StrEnum):
    """How a member wants to hear of a kind of event."""

    FEED = "feed"
    MAIL = "mail"
    BOTH = "both"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose events somebody sees; None stands for all. With a ``way``, only what they want to hear in that way."""

    login: str
    clients: frozenset[str] | None  # names
    mailboxes: frozenset[str] | None  # keys
    way: Way | None = None  # FEED or MAIL


EVERYTHING = Sight("", None, None)


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a member's token: never the token."""

    id: str  # the part of it that is no secret
    login: str
    digest: bytes  # SHA-256 of the whole token
    made_at: datetime
    expires_at: datetime
    made_by: str
