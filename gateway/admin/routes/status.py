"""How the gateway is: for people, for a supervisor, and for Prometheus."""

from __future__ import annotations

from fastapi.responses import JSONResponse, PlainTextResponse

from gateway.admin import ruled, shapes
from gateway.admin.given import Given
from gateway.admin.problems import problem
from gateway.admin.ruled import asks
from gateway.domain.record import SyncState
from gateway.domain.status import Health, Status
from gateway.policy.walls import Right

router = ruled.router("status")


@router.get("/v1/status", openapi_extra=asks(Right.SETTINGS))
async def show(given: Given) -> shapes.Json:
    """One look at everything."""
    return shapes.status(await given.status())


@router.get("/healthz", openapi_extra=asks(Right.ALIVE))
async def alive() -> shapes.Json:
    """The loop turns; nothing more is asked."""
    return {"alive": True}


@router.get("/readyz", response_model=None, openapi_extra=asks(Right.SETTINGS))
async def ready(given: Given) -> JSONResponse | shapes.Json:
    """503 while the gateway can't take mail."""
    status = await given.status()
    if status.health is Health.DOWN:
        return problem(503, "; ".join(status.problems) or "The gateway is down.", kind="down")
    return {"ready": True, "health": status.health}


@router.get("/metrics", openapi_extra=asks(Right.SETTINGS))
async def metrics(given: Given) -> PlainTextResponse:
    """Prometheus text format 0.0.4: gauges only."""
    status = await given.status()
    lines = [line for name, help_text, samples in _gauges(status) for line in _family(name, help_text, samples)]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4; charset=utf-8")


def _gauges(status: Status) -> list[tuple[str, str, dict[str, float]]]:
    return [
        ("postern_well", "1 when nothing is wrong.", {"": float(status.health is Health.WELL)}),
        ("postern_started_seconds", "When the daemon started, Unix time.", {"": status.started_at.timestamp()}),
        ("postern_disk_free_bytes", "Free octets beside the data folder.", {"": float(status.disk_free)}),
        (
            "postern_queue_entries",
            "Queue entries by state.",
            {_label("state", state): float(count) for state, count in status.queue.items()},
        ),
        (
            "postern_mailbox_live",
            "1 when the mailbox is synced and listening.",
            {_label("mailbox", one.mailbox): float(one.state is SyncState.LIVE) for one in status.mailboxes},
        ),
        (
            "postern_mailbox_filed",
            "Messages filed from the mailbox.",
            {_label("mailbox", one.mailbox): float(one.filed) for one in status.mailboxes},
        ),
    ]


def _family(name: str, help_text: str, samples: dict[str, float]) -> list[str]:
    head = [f"# HELP {name} {help_text}", f"# TYPE {name} gauge"]
    return head + [f"{name}{labels} {value:.0f}" for labels, value in samples.items()]


def _label(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{{{name}="{escaped}"}}'
