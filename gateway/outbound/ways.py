"""By which server a mailbox's mail leaves: its own, or a second one for as long as the first can't be reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from gateway.domain.address import Address
from gateway.domain.errors import SignInRefused
from gateway.domain.firm import Mailbox
from gateway.domain.mail import Delivery, Outcome
from gateway.upstream.smtp import Attempt, Envelope, SmtpRelay

BEFORE_MAIL = frozenset({"connect", "tls", "auth"})  # stages in which nothing of a message has left
SPARED = 60.0  # seconds in which a server that was not there is not tried again, so that no message waits for it twice

log = structlog.get_logger()


class Ways:
    """``clock`` gives seconds that nobody sets (monotonic)."""

    def __init__(self, relay: SmtpRelay, *, clock: Callable[[], float]) -> None:
        self._relay = relay
        self._clock = clock
        self._out: dict[str, tuple[tuple[object, ...], float]] = {}  # by mailbox: the account, and until when

    async def deliver(
        self, mailbox: Mailbox, envelopes: Sequence[Envelope], raw: bytes, told: Callable[[Attempt], None]
    ) -> None:
        """As `SmtpRelay.deliver_all`; by the second server only before any of a transaction has left.

        ``told`` hears of every transaction that was made, and last of the one that could not be, if there is one. A
        password that the first server refuses is no reason to go another way: a person has to know of it.
        """
        second = mailbox.by_fallback
        if second is None:
            unreached = await self._relay.deliver_all(mailbox, envelopes, raw, told)
        else:
            unreached = await self._by_either(mailbox, second, envelopes, raw, told)
        if unreached is not None:
            told(unreached)

    async def _by_either(
        self,
        mailbox: Mailbox,
        second: Mailbox,
        envelopes: Sequence[Envelope],
        raw: bytes,
        told: Callable[[Attempt], None],
    ) -> Attempt | None:
        made = 0

        def over(attempt: Attempt) -> None:
            nonlocal made
            made += 1
            told(attempt)

        if not self._is_spared(mailbox):
            unreached = await self._relay.deliver_all(mailbox, envelopes, raw, over)
            if made:
                self._back(mailbox)
            if unreached is None:
                return None
            self._gone(mailbox, unreached)
        try:
            return await self._relay.deliver_all(second, envelopes[made:], raw, over)
        except SignInRefused as error:
            return _not_signed_in(second, envelopes[made].recipients, error)

    def _is_spared(self, mailbox: Mailbox) -> bool:
        account, until = self._out.get(mailbox.key, ((), 0.0))
        return account == mailbox.account and self._clock() < until

    def _gone(self, mailbox: Mailbox, attempt: Attempt) -> None:
        if mailbox.key not in self._out:
            said = next(iter(attempt.outcomes.values())).text
            log.warning("fallback", mailbox=mailbox.key, upstream=attempt.upstream, reason=said)
        self._out[mailbox.key] = mailbox.account, self._clock() + SPARED

    def _back(self, mailbox: Mailbox) -> None:
        if self._out.pop(mailbox.key, None) is not None:
            log.info("first-server-again", mailbox=mailbox.key)


def came_to_the_message(attempt: Attempt) -> bool:
    """Whether the server heard of the message: then what it said of it counts, and none of it may go another way."""
    for one in attempt.outcomes.values():
        if one.delivery is not Delivery.PENDING or one.stage not in BEFORE_MAIL:
            return True
    return False


def _not_signed_in(second: Mailbox, recipients: Sequence[Address], error: SignInRefused) -> Attempt:
    """The first server may be back before anybody has corrected the password of the second: nothing is held for it."""
    log.error("fallback-sign-in-refused", mailbox=second.key, detail=error.detail)
    words = f"{second.smtp.host}, the fallback of {second.address}, refuses its user name or password"
    outcome = Outcome(Delivery.PENDING, 0, "4.7.8", words, "auth")
    upstream = f"{second.smtp.host}:{second.smtp.port}"
    return Attempt({one.key: outcome for one in recipients}, upstream, 0.0, 0.0, 0.0)
