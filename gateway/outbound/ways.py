"""By which server a mailbox's mail leaves: its own, or a second one for as long as the first can't be reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from gateway.domain.address import Address
from gateway.domain.errors import SignInRefused
from gateway.domain.firm import Mailbox
from gateway.domain.mail import Asked, Delivery, Outcome
from gateway.upstream.smtp import Attempt, SmtpRelay

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
        self,
        mailbox: Mailbox,
        sender: Address | None,
        recipients: Sequence[Address],
        raw: bytes,
        *,
        smtputf8: bool,
        asked: Asked | None,
    ) -> Attempt:
        """As `SmtpRelay.deliver`, which tells what it raises; by the second server only before any of it has left.

        A password that the first server refuses is no reason to go another way: a person has to know of it.
        """

        async def by(way: Mailbox) -> Attempt:
            return await self._relay.deliver(way, sender, recipients, raw, smtputf8=smtputf8, asked=asked)

        second = mailbox.by_fallback
        if second is None:
            return await by(mailbox)
        if not self._is_spared(mailbox):
            attempt = await by(mailbox)
            if came_to_the_message(attempt):
                self._back(mailbox)
                return attempt
            self._gone(mailbox, attempt)
        try:
            return await by(second)
        except SignInRefused as error:
            return _not_signed_in(second, recipients, error)

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
    return any(
        one.delivery is not Delivery.PENDING or one.stage not in BEFORE_MAIL for one in attempt.outcomes.values()
    )


def _not_signed_in(second: Mailbox, recipients: Sequence[Address], error: SignInRefused) -> Attempt:
    """The first server may be back before anybody has corrected the password of the second: nothing is held for it."""
    log.error("fallback-sign-in-refused", mailbox=second.key, detail=error.detail)
    words = f"{second.smtp.host}, the fallback of {second.address}, refuses its user name or password"
    outcome = Outcome(Delivery.PENDING, 0, "4.7.8", words, "auth")
    upstream = f"{second.smtp.host}:{second.smtp.port}"
    return Attempt({one.key: outcome for one in recipients}, upstream, 0.0, 0.0, 0.0)
