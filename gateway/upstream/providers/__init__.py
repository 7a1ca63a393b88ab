"""What is known of each provider, by the name of its IMAP host; a new provider is a new file and a line here."""

from __future__ import annotations

from gateway.upstream.providers.apple import APPLE
from gateway.upstream.providers.facts import Facts
from gateway.upstream.providers.google import GOOGLE
from gateway.upstream.providers.microsoft import MICROSOFT
from gateway.upstream.providers.own import OWN, is_own
from gateway.upstream.providers.yahoo import YAHOO

__all__ = ["PROVIDERS", "Facts", "facts_of"]

PROVIDERS = (GOOGLE, MICROSOFT, APPLE, YAHOO, OWN)
ANYONE = Facts(name="")


def facts_of(host: str) -> Facts:
    """The facts of the provider that the IMAP host belongs to; the careful defaults for all others."""
    name = host.rstrip(".").lower()
    for facts in PROVIDERS:
        if any(name == end or name.endswith(f".{end}") for end in facts.hosts):
            return facts
    return OWN if is_own(name) else ANYONE
