"""Yahoo and AOL."""

from __future__ import annotations

from gateway.upstream.providers.facts import Facts

YAHOO = Facts(
    name="Yahoo",
    hosts=("yahoo.com", "yahoodns.net", "aol.com"),
    connections=5,
    authserv_ids=(".yahoo.com",),  # of whichever machine took the message
    servers=("yahoo.com",),
)
