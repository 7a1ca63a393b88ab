"""The flows out and in, wired to one store and one firm, and run together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog

from gateway.app.providers import facts_as_told
from gateway.app.scanner import scanner_of
from gateway.domain.errors import NotFound
from gateway.domain.firm import Firm
from gateway.inbound.indexing import Indexing
from gateway.inbound.saving import Saving
from gateway.inbound.stops import Stops
from gateway.inbound.tails import Tails
from gateway.inbound.watch import Watch
from gateway.office.office import Office
from gateway.office.webhooks import Webhooks
from gateway.outbound.accept import Acceptance
from gateway.outbound.announce import Announcements
from gateway.outbound.attempt import truth
from gateway.outbound.bounce import Bounces
from gateway.outbound.dispatch import Dispatcher, release_after_change
from gateway.outbound.insist import insist
from gateway.outbound.prepare import Preparation
from gateway.outbound.rehearse import Rehearsal
from gateway.outbound.sent import SentCopies
from gateway.outbound.signing import Signing
from gateway.outbound.sweep import Sweep
from gateway.settings.gateway import Settings
from gateway.store.room import Room
from gateway.store.store import Store
from gateway.upstream.http import post
from gateway.upstream.resolver import Resolver
from gateway.upstream.smtp import SmtpRelay
from gateway.upstream.tls import client_context

log = structlog.get_logger()

BROKEN_WAIT = 10.0  # seconds until a flow that a fault of ours ended begins again
LARGE_MAIL = 192 * 1024 * 1024  # octets in memory on the way in and out: two of the largest; hostile.md F7 gives 500 MB


class Flows:
    """The flows out and in, wired to one store and one firm."""

    def __init__(
        self, store: Store, office: Office, settings: Callable[[], Settings], now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._now = now
        self._settings = settings
        self._office = office
        self._firm_of = lambda: office.firm
        self._firm = office.firm
        self.room = Room(LARGE_MAIL)
        self._wire_in(settings())
        self._wire_out(settings())
        self._wire_around(settings())

    def _wire_in(self, first: Settings) -> None:
        """Mailboxes, and what is made of the mail that they bring."""
        store, firm, now, settings = self._store, self._firm_of, self._now, self._settings
        servers = [(one.host, one.port) for one in first.upstream.nameservers]
        watch = Watch(store, firm, now, facts=partial(facts_as_told, settings))
        if first.upstream.check_senders:
            resolver = Resolver(servers)
            watch = replace(watch, ask=resolver.ask, at_hand=resolver.at_hand)
        self._facts = watch.facts
        self.tails = Tails(watch, trust=first.upstream.trust)
        self.stops = Stops(store, self.tails, firm=firm, now=now)
        self.saving = Saving(store, room=watch.room, now=now, scanner=lambda: scanner_of(settings()))
        self._indexing = Indexing(store, histories=watch.histories)

    def _wire_out(self, first: Settings) -> None:
        """From a submission to its copy in Sent."""
        store, firm, now, settings = self._store, self._firm_of, self._now, self._settings
        self.relay = SmtpRelay(hostname=first.submission.hostname, trust=first.upstream.trust)
        bounces = Bounces(store, firm=firm, hostname=lambda: settings().submission.hostname, now=now)
        self._copies = SentCopies(
            store, firm=firm, now=now, trust=lambda: settings().upstream.trust, room=self.room, facts=self._facts
        )
        self.dispatcher = Dispatcher(
            store,
            self.relay,
            bounces,
            firm=self.stops.sending,
            settings=settings,
            now=now,
            delivered=self._copies.wake,
            room=self.room,
        )
        self.signing = Signing(store.dkim)
        self._sweep = Sweep(store, settings=settings, now=now)
        prepare = Preparation(store, firm=firm, settings=settings, now=now, signing=self.signing)
        self.accept = Acceptance(store, prepare, settings=settings, now=now, desk=self.dispatcher)
        self.rehearse = Rehearsal(prepare, firm=firm, now=now)

    def _wire_around(self, first: Settings) -> None:
        """Who is told of what happens."""
        self.webhooks = Webhooks(
            self._store,
            firm=self._firm_of,
            rules=lambda: self._settings().webhooks,
            now=self._now,
            post=partial(post, context=lambda: client_context(first.upstream.trust)),
        )
        self._announcements = Announcements(self._store, firm=self._firm_of, now=self._now, wake=self.dispatcher.wake)

    def start(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        self._dispatching = tasks.create_task(self.dispatcher.run(), name="dispatcher")
        lasting = {
            "sent copies": self._copies.run,
            "sweep": self._sweep.run,
            "indexing": self._indexing.run,
            "webhooks": self.webhooks.run,
            "announcements": self._announcements.run,
            "saving": self.saving.run,
            "refiling": self._office.run,
        }
        return [
            self._dispatching,
            tasks.create_task(self.tails.run(), name="tails"),
            *[tasks.create_task(_last(name, run), name=name) for name, run in lasting.items()],
        ]

    async def drain(self, grace: float) -> None:
        """Let deliveries end: one cut between its last dot and the answer would be sent twice."""
        self.dispatcher.stop()
        await asyncio.wait([self._dispatching], timeout=grace)

    async def sync_now(self, key: str) -> None:
        """A person says that the provider lets us in again. NotFound when there is no such mailbox."""
        if not self.tails.restart(key):
            raise NotFound(f"there is no mailbox {key}: `postern mailbox list` shows those that there are")
        await self._store.queue.release_mailbox(key, self._now())
        self.dispatcher.wake()

    async def firm_changed(self, firm: Firm) -> None:
        """Tails follow; what a refused sign-in held goes on where the account was changed."""
        old, self._firm = self._firm, firm
        self.tails.firm_changed(old, firm)
        released = await insist(partial(release_after_change, self._store, old, firm, self._now()))
        if released:
            log.info("released", entries=released)
        self.dispatcher.wake()


async def _last(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """What goes wrong in one flow, memory that is gone included, ends no other: it is told, and the flow begins again.

    The dispatcher and the tails see to that by themselves: what they have under way must not be cut off.
    """
    while True:
        try:
            return await run()
        except Exception as error:  # noqa: BLE001 - told, with where it was
            log.error("flow-broke", flow=name, again_in=BROKEN_WAIT, **truth(error))
            await asyncio.sleep(BROKEN_WAIT)
