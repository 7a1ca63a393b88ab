"""Tells webhooks of events: each in its own task and its own order, so that one that hangs holds up nobody.

An event is sent until the other side says 2xx, with longer and longer waits, and skipped after a day and a half. How
far each has come is in the database, so that a restart repeats at most the one that was on its way. 410 turns one off.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

import structlog

from gateway.domain.access import Caller, Sight
from gateway.domain.errors import Fault, Faulty, PosternError
from gateway.domain.firm import Firm
from gateway.domain.record import Event, EventKind
from gateway.domain.webhook import Target, Webhook
from gateway.policy.egress import parse_target
from gateway.policy.walls import OPERATOR_WALLS, Walls
from gateway.policy.webhook import SECRET_OCTETS, body_of, headers_of, wait_after, written
from gateway.settings.gateway import Webhooks as Rules
from gateway.store.store import Store

PAGE = 50  # events in memory at once for each webhook
MAX_WEBHOOKS = 50  # a firm has a few; each is a task
LONGEST_SLEEP = 60.0  # seconds; then the clock is looked at again, for it may have been set
GONE = 410  # the specification: the other side wants no more

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

log = structlog.get_logger()


class Post(Protocol):
    """Sends a request and gives the answer's status; see `gateway.upstream.http.post`."""

    def __call__(
        self, target: Target, headers: Mapping[str, str], body: bytes, *, allow_private: bool
    ) -> Awaitable[int]: ...


class Webhooks:
    """``rules`` are the settings of now, ``firm`` the snapshot, ``now`` aware UTC."""

    def __init__(
        self,
        store: Store,
        *,
        firm: Callable[[], Firm],
        rules: Callable[[], Rules],
        now: Callable[[], datetime],
        post: Post,
    ) -> None:
        self._store = store
        self._firm = firm
        self._rules = rules
        self._now = now
        self._post = post
        self._changed = asyncio.Event()
        store.webhooks.on_change.append(self._changed.set)

    async def add(self, name: str, url: str, kinds: Collection[EventKind], login: str, by: str) -> tuple[Webhook, str]:
        """A new one for what happens from now on, and its secret, which is shown this once. Faulty, or Conflict."""
        if not _NAME.fullmatch(name):
            sentence = "must be of small letters, digits, dots and dashes, and begin with a letter or digit"
            raise Faulty("webhook", [Fault("name", sentence)])
        self._target(url)
        if len(await self._store.webhooks.list()) >= MAX_WEBHOOKS:
            raise Faulty("webhook", [Fault("", f"there are {MAX_WEBHOOKS} already: remove one first")])
        secret = secrets.token_bytes(SECRET_OCTETS)
        hook = Webhook(name, url, tuple(dict.fromkeys(kinds)), login, self._now(), self._store.feed.newest)
        await self._store.webhooks.add(hook, secret, by)
        return hook, written(secret)

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            running: dict[tuple[str, datetime], asyncio.Task[None]] = {}
            while True:
                self._changed.clear()
                known = await self._known()
                for key in running.keys() - known:
                    running.pop(key).cancel()
                for key in known - running.keys():
                    running[key] = tasks.create_task(self._keep_following(key[0]), name=f"webhook {key[0]}")
                await self._changed.wait()

    async def _known(self) -> set[tuple[str, datetime]]:
        while True:
            try:
                return {(hook.name, hook.made_at) for hook in await self._store.webhooks.list()}
            except PosternError as error:
                log.error("webhooks-put-off", error=error.sentence, detail=error.detail)
                await asyncio.sleep(LONGEST_SLEEP)

    async def _keep_following(self, name: str) -> None:
        """What goes wrong here, as on a full disk, ends no other task: it is logged, and tried again."""
        while True:
            try:
                return await self._follow(name)
            except PosternError as error:
                log.error("webhook-put-off", webhook=name, error=error.sentence, detail=error.detail)
                await asyncio.sleep(LONGEST_SLEEP)

    async def _follow(self, name: str) -> None:
        number = 0
        while (found := await self._store.webhooks.find(name)) is not None and not found[0].is_off:
            hook, secret = found
            number = max(number, hook.cursor)
            newest = self._store.feed.newest
            sight = self._sight(hook)
            events = await self._store.feed.after(number, PAGE, sight) if sight else []
            due = next((event for event in events if hook.hears(event.kind)), None)
            if due is not None:
                await self._send(hook, secret, due)
            elif len(events) == PAGE:
                number = events[-1].number
            else:
                number = max(number, newest)
                await self._store.feed.wait(number)

    async def _send(self, hook: Webhook, secret: bytes, event: Event) -> None:
        """One attempt, when it is time for it, and what came of it."""
        await self._until(hook.next_attempt)
        body, message_id = body_of(event), f"evt_{event.number}"
        try:
            target = self._target(hook.url)
            status = await self._post(
                target,
                headers_of(secret, message_id, self._now(), body),
                body,
                allow_private=self._rules().allow_private,
            )
            error = "" if 200 <= status < 300 else f"{target.host} answered {status}."
        except PosternError as failure:
            status, error = 0, failure.sentence
        if status == GONE:
            log.warning("webhook-gone", webhook=hook.name)
            await self._store.webhooks.turn_off(hook, f"{error} It was turned off: remove it, or add it again.")
        elif not error:
            await self._store.webhooks.dealt_with(hook, event.number)
        else:
            await self._put_off(hook, event, error)

    async def _put_off(self, hook: Webhook, event: Event, error: str) -> None:
        attempts = hook.attempts + 1
        wait = wait_after(attempts)
        log.warning("webhook-failed", webhook=hook.name, number=event.number, attempts=attempts, error=error)
        if wait is None:
            await self._store.webhooks.dealt_with(hook, event.number, f"{error} Event {event.number} was given up.")
        else:
            await self._store.webhooks.failed(hook, attempts, self._now() + wait, error)

    async def _until(self, due: datetime | None) -> None:
        while due is not None and (left := (due - self._now()).total_seconds()) > 0:  # noqa: ASYNC110 - for the time
            await asyncio.sleep(min(left, LONGEST_SLEEP))

    def _sight(self, hook: Webhook) -> Sight | None:
        """None where its member has left the firm: then it hears of nothing."""
        if not hook.login:
            return OPERATOR_WALLS.sight
        member = self._firm().member_by_login.get(hook.login)
        return Walls(self._firm(), Caller.member(member.login, member.role)).sight if member else None

    def _target(self, url: str) -> Target:
        rules = self._rules()
        return parse_target(url, allow_http=rules.allow_http, allow_private=rules.allow_private)
