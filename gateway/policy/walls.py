"""Who may do what over the admin socket, and what of the firm's clients they see: the matrix, and the walls.

What is about a client's correspondence follows the client's ``members``, whatever a member's role is; roles say who
sets the firm up. So an owner without access to a client can give it to themselves, which the activity shows, but reads
nothing before. What somebody may not see does not exist for them: the same refusal as for what is not there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from gateway.domain.access import EVERYTHING, OPERATOR, Caller, Sight, Standing, Way
from gateway.domain.errors import Fault, Faulty, NotFound, Refusal
from gateway.domain.firm import Client, Firm, Mailbox, Member, Role
from gateway.domain.mail import QueueEntry, Recipient


class Right(StrEnum):
    """What a route asks for; every route has one."""

    ALIVE = "alive"  # whether the gateway answers
    RECORD = "record"  # clients' mail and documents, of the clients that are open to them
    FEED = "feed"  # events of those clients and of their own mailboxes, and what they want to hear
    QUEUE = "queue"  # mail on its way: what they wrote, and what goes to those clients
    PEOPLE = "people"  # colleagues and signatures
    CLIENTS = "clients"  # who the clients are: an employee sees those that are open to them
    MAILBOXES = "mailboxes"  # an employee sees those they are attached to, and runs those that are theirs alone
    TOKENS = "tokens"  # their own; owners and admins those of others
    SETTINGS = "settings"  # how the firm is set up, and who changed it
    MACHINE = "machine"  # disks, and checks that name whatever is stored


_ALL = frozenset(Standing)
_SET_UP = frozenset({Standing.OPERATOR, Standing.OWNER, Standing.ADMIN})
_MACHINE = frozenset({Standing.OPERATOR})

MATRIX: Mapping[Right, frozenset[Standing]] = {
    Right.ALIVE: _ALL,
    Right.RECORD: _ALL,
    Right.FEED: _ALL,
    Right.QUEUE: _ALL,
    Right.PEOPLE: _ALL,
    Right.CLIENTS: _ALL,
    Right.MAILBOXES: _ALL,
    Right.TOKENS: _ALL,
    Right.SETTINGS: _SET_UP,
    Right.MACHINE: _MACHINE,
}

_WHO = {
    Right.SETTINGS: "This is for owners and admins: ask one of them.",
    Right.MACHINE: "This is for who runs the machine: do it there as root, as the daemon's user or in the admin group.",
}


def require(caller: Caller, right: Right) -> None:
    """Refusal unless the matrix allows it."""
    if caller.standing not in MATRIX[right]:
        raise Refusal(_WHO[right])


@dataclass(frozen=True)
class Walls:
    """What one caller sees of the firm as it stands."""

    firm: Firm
    caller: Caller

    def of_member(self, login: str | None) -> Walls:
        """The walls of the member whom a wish is for: one's own; an operator says whose. NotFound, Refusal, Faulty."""
        if self.caller.login:
            if login not in {None, self.caller.login}:
                raise Refusal("What somebody wants to hear is theirs to say: leave --as out.")
            return self
        if login is None:
            raise Faulty("wish", [Fault("as", "say whose wish it is, with --as LOGIN, or use a member's token")])
        member = self.firm.member_by_login.get(login)
        if member is None:
            raise NotFound(f"There is no member {login!r}: `postern member list` shows them.")
        return Walls(self.firm, Caller.member(member.login, member.role))

    @property
    def runs_firm(self) -> bool:
        """Whether they see how everything is set up."""
        return self.caller.standing in _SET_UP

    @property
    def everything(self) -> bool:
        """Whether there are no walls for them: they could read the database as well."""
        return self.caller.standing is Standing.OPERATOR

    @cached_property
    def names(self) -> frozenset[str] | None:
        """The clients whose correspondence is open to them; None: all, those too who left the firm's file."""
        if self.everything:
            return None
        return frozenset(client.name for client in self.firm.clients if client.open_to(self.caller.login))

    def opens(self, client: str) -> bool:
        """Whether that client's correspondence is open to them."""
        return self.names is None or client in self.names

    def opened(self, clients: Collection[str]) -> list[str]:
        """Those of the clients that are open to them, in the same order."""
        return [client for client in clients if self.opens(client)]

    @property
    def clients(self) -> list[Client]:
        """Those whose names, contacts and toggles they see: who sets the firm up sees all."""
        return [client for client in self.firm.clients if self.runs_firm or self.opens(client.name)]

    @property
    def mailboxes(self) -> list[Mailbox]:
        """Those that they see the state of."""
        return [one for one in self.firm.mailboxes if self.runs_firm or self.caller.login in one.members]

    def mailbox(self, address: str, *, alone: bool = False) -> Mailbox:
        """One of these; ``alone``: an employee only their own, that nobody shares. NotFound, or Refusal."""
        found = next((one for one in self.mailboxes if one.key == address.casefold()), None)
        if found is None:
            raise NotFound(f"There is no mailbox {address}: `postern mailbox list` shows those that there are.")
        if alone and not self.runs_firm and found.members != (self.caller.login,):
            raise Refusal(f"{found.address} is shared: ask an owner or an admin to do this.")
        return found

    @cached_property
    def sight(self) -> Sight:
        """Whose events they see."""
        if self.everything:
            return EVERYTHING
        mailboxes = None if self.runs_firm else frozenset(one.key for one in self.mailboxes)
        return Sight(self.caller.login, self.names, mailboxes)

    @property
    def feed(self) -> Sight:
        """The same, of what they want to hear in the feed; an operator, all."""
        return self.sight if self.everything else replace(self.sight, way=Way.FEED)

    def sees(self, entry: QueueEntry) -> bool:
        """Whether a message on its way is theirs to see: they wrote it, or it goes to a client of theirs."""
        return self._wrote(entry) or any(self._reaches(one) for one in entry.recipients)

    def shown(self, entry: QueueEntry) -> tuple[Recipient, ...]:
        """The recipients whom they may know of: who wrote it, all; others those that belong to clients of theirs."""
        if self._wrote(entry):
            return entry.recipients
        return tuple(one for one in entry.recipients if self._reaches(one))

    def _wrote(self, entry: QueueEntry) -> bool:
        return self.everything or entry.login == self.caller.login

    def _reaches(self, one: Recipient) -> bool:
        clients = self.firm.clients_with(one.address)
        return not one.bcc and any(self.opens(client.name) for client, _ in clients)

    def member_for_token(self, login: str) -> Member:
        """The member whose token they may make or revoke: their own; admins not an owner's. NotFound, or Refusal."""
        member = self.firm.member_by_login.get(login)
        if member is None:
            raise NotFound(f"There is no member {login!r}: `postern member list` shows them.")
        if login != self.caller.login:
            if not self.runs_firm:
                raise Refusal("You may make and revoke your own token only: ask an owner or an admin.")
            if self.caller.standing is Standing.ADMIN and member.role is not Role.EMPLOYEE:
                raise Refusal(f"{login} is an {member.role}: they make and revoke their token themselves, or an owner.")
        return member

    def require_change(self, new: Firm) -> None:
        """Refusal where an admin would make, unmake or alter an owner: so they would become one."""
        if self.caller.standing is Standing.ADMIN and _owners(self.firm) != _owners(new):
            raise Refusal("Only an owner may add, change or remove owners: leave them as they are, or ask one.")


def _owners(firm: Firm) -> frozenset[Member]:
    return frozenset(member for member in firm.members if member.role is Role.OWNER)


OPERATOR_WALLS = Walls(Firm(), OPERATOR)  # whoever has no walls has none in any firm
