"""What the sysadmin sees of a journey, asked over the admin socket."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.gateway_process import GatewayProcess

CLIENT = "Al Pacino"

Row = dict[str, Any]


async def filed(gateway: GatewayProcess, box: str) -> list[Row]:
    """Return the client's record of one box, newest first."""
    answer = await gateway.get(f"/v1/clients/{quote(CLIENT)}/messages?box={box}&limit=500")
    return list(answer["messages"])


async def documents(gateway: GatewayProcess) -> list[Row]:
    """Return the client's documents."""
    return list((await gateway.get(f"/v1/clients/{quote(CLIENT)}/documents"))["documents"])


async def events(gateway: GatewayProcess, kind: str) -> list[Row]:
    """Return the feed's events of one kind, oldest first."""
    return [event for event in (await gateway.get("/v1/events?limit=500"))["events"] if event["kind"] == kind]


async def entries(gateway: GatewayProcess) -> list[Row]:
    """Return the queue, newest first."""
    return list((await gateway.get("/v1/queue?limit=500"))["entries"])


async def link(gateway: GatewayProcess) -> str:
    """Return the state of the one mailbox's link."""
    (mailbox,) = (await gateway.get("/v1/status"))["mailboxes"] or [{"state": "unknown"}]
    return str(mailbox["state"])


async def is_live(gateway: GatewayProcess) -> bool:
    """Whether new mail is seen as it comes."""
    return await link(gateway) == "live"
