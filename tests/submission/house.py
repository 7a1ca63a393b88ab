"""A submission server on loopback with one member, and what it accepted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gateway.domain.errors import PosternError
from gateway.domain.firm import Member
from gateway.domain.mail import Submission
from gateway.domain.status import Listener
from gateway.settings.gateway import Settings, parse
from gateway.store.scratch import Scratch
from gateway.submission.data import Holder
from gateway.submission.server import SubmissionServer
from gateway.submission.terms import Accept, Timers
from tests.peers.ca import Ca

LOGIN, PASSWORD = "ana", "correct horse 7"
LIMIT = 100_000


@dataclass
class House:
    """Signs in one member; keeps what it is given, or raises what the test put into ``trouble``."""

    accepted: list[Submission] = field(default_factory=list)
    tried: list[tuple[str, str, str]] = field(default_factory=list)
    trouble: Exception | None = None
    sign_in_trouble: PosternError | None = None
    port: int = 0
    tls_port: int = 0
    server: SubmissionServer | None = None
    listeners: tuple[Listener, ...] = ()
    data_dir: Path = Path("data")

    async def sign_in(self, login: str, password: str, peer: str) -> Member | None:
        self.tried.append((login, password, peer))
        if self.sign_in_trouble is not None:
            raise self.sign_in_trouble
        return Member(login, "Ana Pop") if (login, password) in {(LOGIN, PASSWORD), ("ană", "păss")} else None

    async def accept(self, submission: Submission) -> str:
        if self.trouble is not None:
            raise self.trouble
        self.accepted.append(submission)
        return f"q{len(self.accepted)}"

    async def begin(self, _so_far: Submission) -> tuple[Holder, Accept]:
        return Scratch(self.data_dir), self.accept


def settings(ca: Ca | None = None, *, data_dir: Path = Path("data"), **submission: object) -> Settings:
    """Return the settings of a test gateway that listens on free ports."""
    tls = {"tls": {"certificate": str(ca.certificate), "key": str(ca.key)}} if ca else {}
    section = {"hostname": "mail.firm.example", "listen": ["127.0.0.1:0"], "max_message_size": LIMIT, **submission}
    return parse({"data_dir": str(data_dir), "submission": section, **tls}, base=Path("/nowhere"))


@asynccontextmanager
async def house(
    ca: Ca | None = None, *, timers: Timers | None = None, data_dir: Path = Path("data"), **submission: object
) -> AsyncIterator[House]:
    """Run a server, which offers TLS where there is an authority."""
    found = House(data_dir=data_dir)
    server = SubmissionServer(
        settings(ca, data_dir=data_dir, **submission),
        tls=ca.server_context() if ca else None,
        sign_in=found.sign_in,
        accept=found.accept,
        begin=found.begin,
        now=lambda: datetime.now(UTC),
        timers=timers,
    )
    found.server = server
    found.listeners = await server.start()
    found.port = found.listeners[0].port
    try:
        yield found
    finally:
        await server.stop(0.2)
