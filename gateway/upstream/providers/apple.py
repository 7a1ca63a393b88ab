"""Apple: iCloud."""

from __future__ import annotations

from gateway.upstream.providers.facts import Facts

APPLE = Facts(
    name="Apple",
    hosts=("mail.me.com", "icloud.com"),
    connections=10,
    authserv_ids=(".icloud.com",),  # one field for each method: dkim-verifier.icloud.com, dmarc.icloud.com …
    servers=("icloud.com", "apple.com", "me.com"),
)
