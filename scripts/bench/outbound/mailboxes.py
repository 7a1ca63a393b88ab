"""The IMAP side of the firm's mailboxes, as a process of its own: prints its port, then takes copies."""

from __future__ import annotations

import asyncio
import logging

import structlog

from gateway.trial.provider import TrialProvider
from scripts.bench.outbound.letters import MEMBERS, PASSWORD, asked, shown


async def main() -> None:
    addresses = [address for member in range(MEMBERS) for address in (asked(member), shown(member))]
    async with TrialProvider(dict.fromkeys(addresses, PASSWORD)) as provider:
        print(provider.imap_port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(main())
