"""The daemon: everything built from settings, run in one task group, stopped in order.

A listener or the dispatcher that fails ends the process, and systemd starts it again; a tail that fails comes back by
itself. SIGTERM and SIGINT drain, SIGHUP reloads.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from gateway.admin.server import AdminServer
from gateway.admin.services import Services
from gateway.app import logs, systemd
from gateway.app.flows import Flows
from gateway.app.health import HealthCheck
from gateway.app.keys import load_key
from gateway.app.memory import give_back_large
from gateway.domain.errors import Conflict, PosternError
from gateway.domain.firm import Firm
from gateway.domain.status import Listener
from gateway.office.office import Office
from gateway.office.signin import SignIn
from gateway.settings.gateway import Settings, load
from gateway.store.clock import QueueClock
from gateway.store.lock import DataLock
from gateway.store.pools import pool
from gateway.store.store import Store
from gateway.submission.server import SubmissionServer
from gateway.upstream.diagnose import diagnose

log = structlog.get_logger()

EX_SOFTWARE = 70  # sysexits.h
THREADS = min(32, (os.cpu_count() or 1) + 4)  # for what would hold up the loop: most of them wait for the disk
GRACE = 8.0  # seconds that sessions have to finish: hostile.md A3 wants an exit within ten


def now() -> datetime:
    """The wall clock, read here and handed to every room."""
    return datetime.now(UTC)


def live(settings_path: Path, settings: Settings, lock: DataLock) -> int:
    """One life on the locked folder, until a signal; the exit code. Raises `PosternError` for what a person mends."""
    try:
        logs.set_up(settings.log.level, settings.log.format)
        give_back_large()
        return _runner(lambda: Daemon(settings_path, settings, lock).run())
    except PosternError:
        raise
    except Exception:
        log.exception("broke")  # a listener or the dispatcher: whoever started us starts us again
        return EX_SOFTWARE


def _runner(main: Callable[[], Awaitable[int]]) -> int:
    """On uvloop where it is installed: an idle TLS connection costs a sixth of the memory there."""

    async def run() -> int:
        asyncio.get_running_loop().set_default_executor(pool(THREADS, "beside"))
        return await main()

    factory = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(run())


class Daemon:
    """One life of the gateway."""

    def __init__(self, settings_path: Path, settings: Settings, lock: DataLock) -> None:
        self._path = settings_path
        self._settings = settings
        self._lock = lock
        self._stop = asyncio.Event()
        self._tls = _tls_context(settings)

    async def run(self) -> int:
        started = now()
        store = await Store.open(
            self._settings.data_dir,
            url=self._settings.database.url,
            key=load_key(self._settings.data_dir),
            clock=QueueClock(now),
            lock=self._lock,
        )
        try:
            await self._run_on(store, started)
        finally:
            await store.close()
        log.info("stopped")
        return 0

    async def _run_on(self, store: Store, started: datetime) -> None:
        office = Office(store.firm)
        await office.load()
        flows = Flows(store, office, lambda: self._settings, now)
        await flows.signing.load()
        submission = SubmissionServer(
            self._settings,
            tls=self._tls,
            sign_in=SignIn(lambda: office.firm).check,
            accept=flows.accept,
            begin=flows.accept.begin,
            now=now,
            room=flows.room,
        )
        listeners = await _listening(submission)
        admin = self._admin(store, office, flows, started, listeners)
        try:
            await admin.start()
            await self._flow(office, flows, submission, admin, listeners)
        finally:
            await submission.stop(GRACE)
            await admin.stop()
            await flows.relay.close()

    async def _flow(
        self,
        office: Office,
        flows: Flows,
        submission: SubmissionServer,
        admin: AdminServer,
        listeners: tuple[Listener, ...],
    ) -> None:
        """Runs the flows until a signal; then nothing new is taken, and what is under way ends."""
        await flows.stops.load()
        async with asyncio.TaskGroup() as tasks:
            running = [*flows.start(tasks), tasks.create_task(self._watchdog(), name="watchdog")]
            office.on_change.append(lambda firm: _follow(tasks, flows, firm))
            self._listen_to_signals()
            systemd.notify("READY=1")
            log.info("ready", listeners=[f"{one.name} {one.host}:{one.port}" for one in listeners], pid=os.getpid())
            await admin.open()
            gc.freeze()
            gc.enable()
            await self._stop.wait()
            systemd.notify("STOPPING=1")
            log.info("stopping")
            await submission.stop(GRACE)
            await flows.drain(GRACE)
            for task in running:
                task.cancel()

    def _admin(
        self, store: Store, office: Office, flows: Flows, started: datetime, listeners: tuple[Listener, ...]
    ) -> AdminServer:
        socket_path = self._settings.admin.socket
        check = HealthCheck(store, lambda: office.firm, now, started, listeners, socket_path)
        services = Services(
            store=store,
            office=office,
            status=check.look,
            queue_changed=flows.dispatcher.wake,
            sync_now=flows.sync_now,
            rehearse=flows.rehearse,
            give_up_after=lambda: self._settings.queue.give_up_after,
            now=now,
            stops=flows.stops,
            saving=flows.saving,
            webhooks=flows.webhooks,
            diagnose=partial(
                diagnose, hostname=self._settings.submission.hostname, trust=self._settings.upstream.trust
            ),
        )
        return AdminServer(
            services,
            socket_path=socket_path,
            group=self._settings.admin.group,
            group_needs_token=self._settings.admin.group_needs_token,
        )

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _reload(self) -> None:
        """New settings for what comes next; a bad file changes nothing. Sockets and folders stay until a restart."""
        try:
            fresh = load(self._path)
            if self._tls is not None and fresh.tls is not None:
                self._tls.load_cert_chain(fresh.tls.certificate, fresh.tls.key)
        except (PosternError, OSError) as error:
            log.error("reload-refused", error=str(error), kept="the settings from before")
            return
        logs.set_up(fresh.log.level, fresh.log.format)
        fixed = {"data_dir", "database", "admin"}
        kept = {name: getattr(self._settings, name) for name in fixed}
        needs_restart = [name for name in sorted(fixed) if getattr(fresh, name) != kept[name]]
        if (fresh.submission.listen, fresh.submission.listen_tls) != (
            self._settings.submission.listen,
            self._settings.submission.listen_tls,
        ):
            needs_restart.append("submission.listen")
        self._settings = fresh.model_copy(update=kept)
        log.info("reloaded", needs_restart=needs_restart)

    async def _watchdog(self) -> None:
        interval = systemd.watchdog_interval()
        while interval is not None:
            systemd.notify("WATCHDOG=1")
            await asyncio.sleep(interval)


async def _listening(submission: SubmissionServer) -> tuple[Listener, ...]:
    try:
        return await submission.start(systemd.handed_sockets())
    except OSError as error:
        raise Conflict(
            f"Mail programs can't be listened to: {error}. Change submission.listen, or end who is there."
        ) from error


def _follow(tasks: asyncio.TaskGroup, flows: Flows, firm: Firm) -> None:
    tasks.create_task(flows.firm_changed(firm), name="firm changed")


def _tls_context(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
    context.load_cert_chain(settings.tls.certificate, settings.tls.key)
    return context
