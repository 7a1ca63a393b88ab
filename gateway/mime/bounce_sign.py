"""Whether a mail may be a bounce, told from its header alone: what is none of it is nobody's to download."""

from __future__ import annotations

from gateway.mime.automatic import from_reporter, null_sender
from gateway.mime.bounce_ses import NOTIFICATION
from gateway.mime.header import Header
from gateway.mime.tree import parts

# What is reported with the same means: complaints, receipts, statistics of TLS.
OTHER_REPORTS = frozenset({"feedback-report", "disposition-notification", "tlsrpt", "disposition-notification-report"})

_LISTS = ("List-Id", "List-Unsubscribe", "List-Post")
_SURE = ("X-Failed-Recipients", NOTIFICATION)


def may_be_bounce(header: bytes, read: Header | None = None) -> bool:
    """Whether it says that it is a report on mail, comes from who writes such, or from the null sender.

    RFC 3464 section 2, RFC 5321 section 4.5.5. Mail of lists, complaints and receipts are none, whoever sends them.
    ``read``: the header, where the caller has read it.
    """
    if b"report" in header.lower():  # else it can be none, and need not be taken apart
        top = parts(header, read)[0]
        if top.params.get("report-type", "").lower() in OTHER_REPORTS:
            return False
        if top.content_type == "multipart/report":
            return True
    known = read or Header.read(header)
    if any(known.first(name) is not None for name in _LISTS):
        return False
    return any(known.first(name) is not None for name in _SURE) or null_sender(known) or from_reporter(known)
