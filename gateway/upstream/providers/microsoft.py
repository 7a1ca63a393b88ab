"""Microsoft: Outlook.com and Microsoft 365."""

from __future__ import annotations

from gateway.upstream.providers.facts import Facts

MICROSOFT = Facts(
    name="Microsoft",
    hosts=("office365.com", "outlook.com", "hotmail.com", "live.com"),
    connections=20,
    files_sent_mail=True,
    authserv_ids=("",),  # "Authentication-Results: spf=pass …", against the standard
    servers=("outlook.com",),
)
