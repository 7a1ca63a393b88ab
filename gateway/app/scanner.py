"""The virus scanner that the settings name."""

from __future__ import annotations

from pathlib import Path

from gateway.inbound.saving import Scanner
from gateway.settings.gateway import Settings
from gateway.settings.quantities import parse_listen
from gateway.upstream.clamd import Clamd


def scanner_of(settings: Settings) -> Scanner | None:
    """None where nothing is to be scanned; asked anew for each attachment, so that a reload counts at once."""
    place = settings.scan.clamd
    if place is None:
        return None
    if place.startswith("/"):
        return Clamd(path=Path(place))
    where = parse_listen(place)
    return Clamd(host=where.host, port=where.port)
