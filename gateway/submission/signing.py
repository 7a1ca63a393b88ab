"""Signing in: AUTH PLAIN and LOGIN (RFC 4954), where passwords may be taken, and what happens to wrong ones."""

# ruff: noqa: N802 (the names of commands and mechanisms are aiosmtpd's)

from __future__ import annotations

import structlog
from aiosmtpd.smtp import AuthResult

from gateway.domain.errors import PosternError
from gateway.domain.firm import Member
from gateway.submission import auth, replies
from gateway.submission.auth import Credentials
from gateway.submission.conversation import AUTH_LIMIT, Conversation
from gateway.submission.ends import Garbled, LineTooLong
from gateway.submission.replies import Refused
from gateway.submission.terms import Terms
from gateway.submission.wire import Wire

MAX_FAILED = 3  # of one connection; a person mistypes twice

USER_PROMPT = b"VXNlcm5hbWU6"  # "Username:", the prompts that old mail programs look for
PASSWORD_PROMPT = b"UGFzc3dvcmQ6"  # "Password:"

log = structlog.get_logger()

_TRIES = frozenset({replies.SIGN_IN_REFUSED.code, 454})


class SigningIn(Conversation):
    """Mechanisms are ``auth_*`` methods, as in aiosmtpd."""

    def __init__(self, wire: Wire, terms: Terms) -> None:
        self._failed = 0
        self._member: Member | None = None
        super().__init__(wire, terms)

    @property
    def _may_sign_in(self) -> bool:
        return self._wire.tls or self._wire.is_loopback or not self._terms.require_tls

    async def smtp_AUTH(self, arg: str) -> None:
        if not self.session.host_name:
            raise Refused(replies.HELLO_FIRST)
        if not self._may_sign_in:
            raise Refused(replies.TLS_FIRST)
        if self._member is not None:
            raise Refused(replies.SIGNED_IN_ALREADY)
        words = arg.split()
        if not 1 <= len(words) <= 2:
            raise Refused(replies.BAD_AUTH)
        mechanism = {"PLAIN": self.auth_PLAIN, "LOGIN": self.auth_LOGIN}.get(words[0].upper())
        if mechanism is None:
            raise Refused(replies.UNKNOWN_MECHANISM)
        try:
            result = await mechanism(self, words)
        except Refused as refused:
            raise self._counted(refused) from None
        self._member = result.auth_data
        self._say(replies.SIGNED_IN)

    async def auth_PLAIN(self, _: object, args: list[str]) -> AuthResult:
        """RFC 4616, with an initial response or without."""
        word = args[1].encode() if len(args) > 1 else await self._ask(b"")
        return await self._check(auth.read_plain(auth.decode(word)))

    async def auth_LOGIN(self, _: object, args: list[str]) -> AuthResult:
        """What some mail programs still prefer; nowhere standardised."""
        word = args[1].encode() if len(args) > 1 else await self._ask(USER_PROMPT)
        login = auth.decode(word)
        password = auth.decode(await self._ask(PASSWORD_PROMPT))
        return await self._check(auth.credentials(login, password))

    async def _ask(self, prompt: bytes) -> bytes:
        self._wire.say(b"334 " + prompt + b"\r\n")
        try:
            return await self._wire.line(AUTH_LIMIT, self._terms.timers.sign_in)
        except (LineTooLong, Garbled):
            raise Refused(replies.BAD_AUTH, hang_up=True) from None

    async def _check(self, claim: Credentials) -> AuthResult:
        try:
            member = await self._terms.sign_in(claim.login, claim.password, self._wire.peer)
        except PosternError as error:
            raise Refused(replies.for_sign_in(error)) from error
        if member is None:
            raise Refused(replies.SIGN_IN_REFUSED)
        return AuthResult(success=True, auth_data=member)

    def _forget(self) -> None:
        super()._forget()
        self._member = None

    def _need_sign_in(self) -> Member:
        if not self.session.host_name:
            raise Refused(replies.HELLO_FIRST)
        if self._member is None:
            raise Refused(replies.SIGN_IN_FIRST)
        return self._member

    def _counted(self, refused: Refused) -> Refused:
        if refused.reply.code in _TRIES:
            self._failed += 1
            self._tell(refused.__cause__)
        if self._failed >= MAX_FAILED:
            return Refused(replies.TOO_MANY_SIGN_INS, hang_up=True)
        return refused

    def _tell(self, cause: BaseException | None) -> None:
        """One line for each failure, whatever its reason, in words that config/fail2ban relies on; the peer is first.

        The name that was given is not in it: it may be a password. Whose it is, if a member's, `SignIn` says.
        """
        why = {"reason": "wrong user name or password"}
        if isinstance(cause, PosternError):
            why = {"reason": cause.sentence, "detail": cause.detail}
        log.warning("signin-failed", peer=self._wire.peer, tls=self._wire.tls, **why)
