"""Every error that crosses a room, drawn as a tree; each has a sentence for a person and a detail for the log.

::

    PosternError
    ├── Refusal                     a submission (or an action) that is not allowed; the faces choose the codes
    │   ├── NotSignedIn             no member has proven who they are
    │   ├── GrantMissing            the member may not use that identity
    │   ├── ClientOffLimits         the member has no access to that client, or the address has no email_sync
    │   ├── BadMessage              the message is malformed, ambiguous or smuggles something
    │   ├── TooLarge                over the size that this gateway takes
    │   └── Loop                    the message has been here too often
    ├── NoSpace                     the disk (or quota) is full: try later
    ├── TemporaryFailure            nothing wrong with what was asked: try later
    │   └── Outdated                the firm is another than the one that it was decided with: decide again
    ├── NotFound                    the thing named does not exist
    ├── Conflict                    the thing exists already, or is in a state that forbids this
    ├── Faulty                      what was written is wrong: a list of faults, each with its path
    └── UpstreamError               the firm's provider
        ├── SignInRefused           wrong user name or password: retrying alone does not help
        ├── Unreachable             no connection, or it was lost, or it timed out
        ├── CommandRefused          the server answered NO or 5xx to something else
        └── ProtocolFault           the server said something that its protocol does not allow
"""

from __future__ import annotations

from dataclasses import dataclass


class PosternError(Exception):
    """``sentence`` is shown to the person and says what to do next; ``detail`` goes to the log only."""

    def __init__(self, sentence: str, *, detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.detail = detail


class Refusal(PosternError):
    """Not allowed, for good: asking again in the same way is refused again."""


class NotSignedIn(Refusal):
    """No member has proven who they are."""


class GrantMissing(Refusal):
    """The member may not send under that identity; the sentence names the grant."""


class ClientOffLimits(Refusal):
    """No access to the client, or the client's address is not synced."""


class BadMessage(Refusal):
    """Malformed, ambiguous or dangerous content."""


class TooLarge(Refusal):
    """Over the limit; the sentence names it."""


class Loop(Refusal):
    """The message has passed here before, or through too many hands."""


class NoSpace(PosternError):
    """No room on the disk: nothing was kept, try later."""


class TemporaryFailure(PosternError):
    """Try later; nothing was kept."""


class Outdated(TemporaryFailure):
    """The firm was changed between a decision and its transaction; nothing was kept, and it is to be decided again."""


class NotFound(PosternError):
    """The thing named does not exist, or is not for the asker to see."""


class Conflict(PosternError):
    """It exists already, or its state forbids what was asked."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file: ``path`` is where (``submission.listen[0]``), ``sentence`` what to do."""

    path: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}: {self.sentence}" if self.path else self.sentence


class Faulty(PosternError):
    """All the faults of one file at once; nothing was changed."""

    def __init__(self, what: str, faults: list[Fault]) -> None:
        super().__init__(f"{what}: " + "; ".join(str(fault) for fault in faults))
        self.what = what
        self.faults = tuple(faults)


class UpstreamError(PosternError):
    """Something between us and the firm's provider."""


class SignInRefused(UpstreamError):
    """The provider does not accept the user name or password."""


class Unreachable(UpstreamError):
    """No connection, a lost one, or no answer in time."""


class CommandRefused(UpstreamError):
    """The provider understood and said no."""


class ProtocolFault(UpstreamError):
    """The provider's answer can't be what its protocol allows; the connection is not usable any more."""
