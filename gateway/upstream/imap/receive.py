"""The one file that leans on aioimaplib: its protocol with the receiving replaced, so that none of its reading is used.

Kept of `IMAP4ClientProtocol` 2.0.3: its place under the transport, the tags (``new_tag``), the states (``state``) and
the table of what is allowed in which state (``Commands``). Replaced: reading, dispatch, timers, and what a lost
connection does. Its command methods are not called: they know no quoting, and their answers come from its reader.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aioimaplib import aioimaplib

from gateway.domain.errors import ProtocolFault, Unreachable, UpstreamError
from gateway.upstream.imap.frame import Framer, fault
from gateway.upstream.imap.parse import (
    Capabilities,
    Continuation,
    Response,
    Status,
    Tagged,
    Untagged,
    capability_names,
    parse,
)
from gateway.upstream.imap.pour import Pouring

MAX_UNASKED = 1024 * 1024  # octets between two commands: a server that talks on and on is hung up on
MAX_RESPONSES = 50_000  # to one command: more folders or messages we never ask for, and short lines cost the most CPU
ALSO = {"NOTIFY": (aioimaplib.AUTH, aioimaplib.SELECTED)}  # where commands that it does not know are allowed
BYE_GRACE = 2.0  # seconds: some servers say BYE first and answer the refused sign-in after it

# It writes every octet that it sends or receives into its DEBUG log, passwords among them.
logging.getLogger("aioimaplib.aioimaplib").disabled = True
logging.getLogger("aioimaplib").disabled = True


def _valid_states(word: str) -> tuple[str, ...]:
    return ALSO.get(word) or aioimaplib.Commands[word].valid_states


def ignore(_response: Untagged) -> None:
    """For commands that only their end matters of."""


class Receiver(aioimaplib.IMAP4ClientProtocol):  # type: ignore[misc]  # the library has no types
    """One connection's octets as responses, for one command at a time.

    Untagged responses go to the collector of the command under way, and all of them to ``unsolicited``. Nothing is
    queued: what arrives is handled at once, so TCP holds back a server that is too fast. After ``error`` is set the
    connection is gone and whoever waits is told.
    """

    transport: asyncio.Transport
    state: str

    def __init__(self, loop: asyncio.AbstractEventLoop, unsolicited: Callable[[Untagged], None] = ignore) -> None:
        super().__init__(loop)
        self.greeting: Status | None = None
        self.capabilities: frozenset[str] = frozenset()
        self.error: UpstreamError | None = None
        self.closed = False
        self.tagged: Tagged | None = None
        self.invitations = 0  # continuation requests that nobody has followed yet
        self.writable = True
        self._clock = loop
        self._unsolicited = unsolicited
        self._collect: Callable[[Untagged], None] = ignore
        self._framer = Framer(MAX_UNASKED)
        self._allowance = MAX_UNASKED
        self._responses = 0
        self._tag = ""
        self._last_before_tls = False
        self._sealed = False
        self._farewell = ""
        self._progress = loop.time()
        self._waiter: asyncio.Future[None] | None = None

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._progress = self._clock.time()

    def data_received(self, d: bytes) -> None:
        if self.error is not None:
            return
        self._progress = self._clock.time()
        self._allowance -= len(d)
        try:
            self._read(d)
        except ProtocolFault as error:
            self.fail(error)

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self._progress = self._clock.time()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        detail = self._farewell or (repr(exc) if exc else "closed by the server")
        self.error = self.error or Unreachable("The mail server closed the connection.", detail=detail)
        self._wake()

    # what the connection calls

    def begin(
        self, verb: str, collect: Callable[[Untagged], None], allowance: int, pouring: Pouring | None = None
    ) -> str:
        """Start a command of which at most ``allowance`` octets of answer are taken; its tag.

        ``pouring``: where large literals go, which are kept in memory otherwise.
        """
        if self.error is not None:
            raise self.error
        word = verb.partition(" ")[0]
        assert not self._tag, "one command at a time"
        assert self.state in _valid_states(word), f"{word} has no place in state {self.state}"
        self._tag = self.new_tag()
        self._collect = collect
        self._allowance = self._framer.literal_limit = allowance
        self._framer.pouring = pouring
        self._responses = 0
        self._last_before_tls = word == "STARTTLS"
        self.tagged, self.invitations = None, 0
        self._progress = self._clock.time()
        return self._tag

    def end(self) -> None:
        """The command is over: what comes now is unasked for."""
        self._tag = ""
        self._collect = ignore
        self._allowance = self._framer.literal_limit = MAX_UNASKED
        self._framer.pouring = None

    def hold(self) -> None:
        """Read no more for a while: TCP holds the server back."""
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def go_on(self) -> None:
        """Read again; that nothing came meanwhile was not the server's fault."""
        self._progress = self._clock.time()
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def give_up(self) -> None:
        """Hang up: what comes can't be kept."""
        self.fail(Unreachable("The connection to the mail server was given up."))

    def fail(self, error: UpstreamError) -> None:
        """Hang up, and tell whoever waits."""
        self.error = self.error or error
        if self.transport is not None:
            self.transport.abort()
        self._wake()

    def nudge(self) -> None:
        """Have whoever waits look again."""
        self._wake()

    def go_on_under_tls(self, transport: asyncio.Transport) -> None:
        """What the server said in the clear counts no more, RFC 9051 section 6.2.1."""
        self.transport = transport
        self.capabilities = frozenset()
        self._sealed = False

    async def until(self, done: Callable[[], bool], *, silence: float, limit: float) -> bool:
        """Wait for ``done``; False after ``limit`` seconds, or ``silence`` seconds in which nothing moved."""
        end = self._clock.time() + limit
        while not done():
            if self.error is not None:
                raise self.error
            until = min(end, self._progress + silence)
            if until <= self._clock.time():
                return False
            self._waiter = self._clock.create_future()
            timer = self._clock.call_at(until, self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
        return True

    # reading

    def _read(self, octets: bytes) -> None:
        self._refuse_when_sealed()
        for frame in self._framer.feed(octets):
            self._refuse_when_sealed()
            self._responses += 1
            if self._responses > MAX_RESPONSES:
                raise fault(f"more than {MAX_RESPONSES} responses to one command")
            self._deliver(parse(frame))
        if not self._framer.idle:
            self._refuse_when_sealed()
        if self._allowance < 0:
            raise fault("more data than the command can have as its answer")

    def _refuse_when_sealed(self) -> None:
        """What comes before the handshake would be taken for protected after it (CVE-2011-0411)."""
        if self._sealed:
            raise fault("plaintext behind the answer to STARTTLS")

    def _deliver(self, response: Response) -> None:
        if self.greeting is None:
            self._greet(response)
        elif isinstance(response, Tagged):
            self._finish(response)
        elif isinstance(response, Continuation):
            if not self._tag:
                raise fault("an invitation while no command is under way")
            self.invitations += 1
            self._wake()
        else:
            self._note(response)
            self._collect(response)
            self._unsolicited(response)
            self._wake()

    def _greet(self, response: Response) -> None:
        if not isinstance(response, Status) or response.kind not in {"OK", "PREAUTH", "BYE"}:
            raise fault("no greeting")
        self.greeting = response
        self.state = aioimaplib.AUTH if response.kind == "PREAUTH" else aioimaplib.NONAUTH
        self._note(response)
        if response.kind == "BYE":
            self._hang_up()
        self._wake()

    def _finish(self, response: Tagged) -> None:
        if response.tag != self._tag or self.tagged is not None:
            raise fault("an answer to a command that was not given")
        self.tagged = response
        self._sealed = self._last_before_tls and response.status.kind == "OK"
        self._note(response.status)
        self._wake()

    def _note(self, response: Untagged) -> None:
        if isinstance(response, Capabilities):
            self.capabilities = response.names
        elif isinstance(response, Status) and response.code == "CAPABILITY":
            self.capabilities = capability_names(response.code_text)
        if isinstance(response, Status) and response.kind == "BYE":
            self._farewell = f"BYE {response.text}"
            self._clock.call_later(BYE_GRACE, self._hang_up)

    def _hang_up(self) -> None:
        if not self.closed:
            self.fail(Unreachable(f"The mail server ended the connection: {self._farewell[4:]}", detail=self._farewell))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
