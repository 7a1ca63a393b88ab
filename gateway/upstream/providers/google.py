"""Google: Gmail and Workspace."""

from __future__ import annotations

from gateway.upstream.providers.facts import MEGABYTE, Facts

GOOGLE = Facts(
    name="Google",
    hosts=("gmail.com", "googlemail.com", "google.com"),
    connections=15,
    download_a_day=2_500 * MEGABYTE,
    idle_folders=1,  # All Mail holds everything
    files_sent_mail=True,
    authserv_ids=("mx.google.com",),
    servers=("google.com",),
)
