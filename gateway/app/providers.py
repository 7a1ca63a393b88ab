"""What is known of a provider, and what the sysadmin's settings say in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gateway.settings.gateway import Provider, Settings
from gateway.upstream.providers import Facts, facts_of


def facts_as_told(settings: Callable[[], Settings], host: str) -> Facts:
    """The facts of the provider behind an IMAP host; of the names in the settings the longest that fits counts."""
    name = host.rstrip(".").lower()
    told = {key.strip(".").lower(): provider for key, provider in settings().upstream.provider.items()}
    fitting = [key for key in told if name == key or name.endswith(f".{key}")]
    known = facts_of(host)
    return known if not fitting else _changed(known, told[max(fitting, key=len)])


def _changed(known: Facts, told: Provider) -> Facts:
    """The facts with all that is told in their place."""
    idle, look = told.renew_idle, told.look_every
    return replace(
        known,
        renew_idle=known.renew_idle if idle is None else idle.total_seconds(),
        poll=known.poll if look is None else look.total_seconds(),
        connections=known.connections if told.connections is None else told.connections,
        logins_a_second=known.logins_a_second if told.logins_a_second is None else told.logins_a_second,
        download_a_day=known.download_a_day if told.download_a_day is None else told.download_a_day,
    )
