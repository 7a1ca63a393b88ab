"""One mail transaction over a signed-in connection: MAIL, RCPT for each and DATA in one write, then the message.

Where the server announces PIPELINING (RFC 2920) that is two turns of the network for a message, however many
recipients, and one where the next transaction leaves right behind the message (section 3.1). Every reply is read in
its turn and counts for its own command only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.domain.address import Address
from gateway.domain.mail import Asked, Delivery, Outcome
from gateway.upstream.smtp.account import Line
from gateway.upstream.smtp.body import blocks
from gateway.upstream.smtp.message import Message, demand_utf8
from gateway.upstream.smtp.outcomes import Trouble, answered, refused, unanswered
from gateway.upstream.smtp.replies import Reply

MAIL, RCPT, DATA, FINAL, RSET = "mail", "rcpt", "data", "final", "rset"  # what the next reply answers
ROOM = "room"  # no reply is waited for, but that more of the message may be said
GO_ON = 354
MORE = Reply(0, "")  # there is room

NOTHING_ASKED = Asked()

Outcomes = dict[str, Outcome]
Script = Generator[str, Reply, None]


class Envelope(NamedTuple):
    """From whom to whom, and what is asked of the server beside it."""

    sender: Address | None
    recipients: Sequence[Address]
    smtputf8: bool = False
    asked: Asked = NOTHING_ASKED


@dataclass(slots=True, eq=False)
class Transaction:
    """Driven by whoever has the connection: `script` says what is to be said, and yields what it waits for.

    ``outcomes`` has one for each recipient, by address key, when it is over. The conversation is closed where it can't
    be used again.
    """

    line: Line
    message: Message
    envelope: Envelope
    say: Callable[[bytes], None]
    outcomes: Outcomes = field(default_factory=dict)
    has_left: bool = False  # all of the message, its end included: what is said now belongs to the next one

    def script(self) -> Script:
        """Is sent each reply, `MORE` for `ROOM`; a `Trouble` is thrown in where none comes. Raises nothing itself."""
        last = None
        try:
            raw, commands = self._commands()
            at_once = "PIPELINING" in self.line.extensions
            self.say(b"".join(commands) if at_once else commands[0])
            reply = yield MAIL
            if reply.code // 100 != 2:
                yield from self._unwanted(reply, len(commands) - 1 if at_once else 0)
            accepted = False
            for at, address in enumerate(self.envelope.recipients, 1):
                if not at_once:
                    self.say(commands[at])
                reply = yield RCPT
                accepted |= reply.code // 100 == 2 or self._refuse(address, reply)
            if accepted:
                if not at_once:
                    self.say(commands[-1])
                self._expect_go_on((yield DATA))
                last = yield from self._send(raw)
            elif at_once:
                yield from self._send_nothing()
        except Trouble as trouble:
            last = trouble.outcome
        self._conclude(last)
        if last is None or last.delivery is not Delivery.DELIVERED:
            yield from self._reset(last)

    def _commands(self) -> tuple[bytes, list[bytes]]:
        """The message as the server can take it, and the envelope's commands; Trouble where it can't be sent at all."""
        envelope, extensions = self.envelope, self.line.extensions
        raw, parameters = self.message.fitted(extensions)
        asked = envelope.asked if self.line.reports else NOTHING_ASKED
        sender = _path(envelope.sender)
        rcpts = [
            b"RCPT TO:<%s>%s\r\n" % (_path(one), _words(asked.rcpt.get(one.key, "")) if asked.rcpt else b"")
            for one in envelope.recipients
        ]
        if self._needs_utf8(sender, rcpts):
            parameters += b" SMTPUTF8"
        mail = b"MAIL FROM:<%s>%s%s\r\n" % (sender, parameters, _words(asked.mail))
        return raw, [mail, *rcpts, b"DATA\r\n"]

    def _needs_utf8(self, sender: bytes, rcpts: Sequence[bytes]) -> bool:
        """Trouble where the server does not offer it."""
        if sender.isascii() and b"".join(rcpts).isascii():
            return self.envelope.smtputf8 and self.message.needs_utf8(self.line.extensions)
        return demand_utf8(self.line.extensions)

    def _unwanted(self, reply: Reply, behind: int) -> Script:
        """The sender is refused; ``behind`` replies belong to commands that left with MAIL, and are read for the next.

        Raises Trouble in any case.
        """
        outcome, last = answered(reply.code, reply.text, MAIL), reply
        for _ in range(behind if outcome.code not in {0, 421} else 0):
            try:
                last = yield MAIL
            except Trouble:
                raise Trouble(outcome) from None  # the refusal was heard, whatever became of the connection
        if last.code == GO_ON:  # for whom? Nothing that we say now is sure to be a command
            self.line.conversation.close()
        raise Trouble(outcome)

    def _refuse(self, address: Address, reply: Reply) -> bool:
        """The recipient has its outcome; always False. Trouble where the connection is at its end."""
        outcome = answered(reply.code, reply.text, RCPT)
        if outcome.code in {0, 421}:
            raise Trouble(outcome)
        self.outcomes[address.key] = outcome
        return False

    def _expect_go_on(self, reply: Reply) -> None:
        if reply.code != GO_ON:
            if reply.code // 100 == 2:  # an answer too many before: whose the refusals were, nobody knows
                self.outcomes.clear()
            raise Trouble(refused(reply.code, reply.text, DATA))
        conversation = self.line.conversation
        if not conversation.is_quiet and not conversation.was_lost:
            raise Trouble(unanswered(DATA, "the server answered more than it was asked"))

    def _send(self, raw: bytes) -> Generator[str, Reply, Outcome]:
        """The message block by block, as there is room for them, and what the server says to it."""
        reply = MORE
        for number, block in enumerate(blocks(raw)):
            if number:
                reply = yield ROOM
            if reply is not MORE:  # it did not wait for the end
                self.line.conversation.close()
                return refused(reply.code, reply.text, FINAL)
            self.say(block)
        self.has_left = True
        reply = yield FINAL
        return answered(reply.code, reply.text, FINAL)

    def _send_nothing(self) -> Script:
        """All recipients were refused when DATA had left; a server that goes on all the same gets an empty message."""
        reply = yield DATA
        if reply.code == GO_ON:  # RFC 2920 section 3.1
            self.say(b".\r\n")
            yield FINAL
        elif reply.code // 100 not in {4, 5}:
            self.line.conversation.close()

    def _conclude(self, last: Outcome | None) -> None:
        """Whoever has no outcome of their own has the last one."""
        if last is not None:
            for address in self.envelope.recipients:
                self.outcomes.setdefault(address.key, last)

    def _reset(self, last: Outcome | None) -> Script:
        """Makes the connection good for the next message, or closes it."""
        if last is not None and (last.code == 421 or (not last.code and last.delivery is Delivery.PENDING)):
            self.line.conversation.close()
        elif last is None or (last.stage != FINAL and last.code):
            # RFC 5321 section 4.1.1.4: an end of data ends the transaction; without a code it was never begun
            self.say(b"RSET\r\n")
            try:
                reply = yield RSET
            except Trouble:
                return
            if reply.code != 250:
                self.line.conversation.close()

    @property
    def went_nowhere(self) -> bool:
        """Whether a kept connection turned out to be at its end before any of the message left: a new one may do."""
        found = self.outcomes.values()
        if any(one.stage == FINAL or one.delivery is not Delivery.PENDING for one in found):
            return False
        return self.line.conversation.was_lost or any(one.code == 421 and one.stage == MAIL for one in found)


def _words(words: str) -> bytes:
    return f" {words}".encode() if words else b""


def _path(address: Address | None) -> bytes:
    return str(address or "").encode()
