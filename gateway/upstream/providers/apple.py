"""Apple: iCloud."""

from __future__ import annotations

from gateway.upstream.providers.facts import Facts

APPLE = Facts(name="Apple", hosts=("mail.me.com", "icloud.com"), connections=10)
