"""The tables, as the queries know them; `migrations` is how a database gets them, and a test holds the two together.

The order in which they are read here is the one in which they need each other.
"""

from __future__ import annotations

from gateway.store.schema.bodies import body
from gateway.store.schema.feed import event
from gateway.store.schema.firm import (
    activity,
    announced,
    dkim_key,
    member_token,
    muted,
    noun,
    preference,
    quiet,
    sealed,
    webhook,
)
from gateway.store.schema.metadata import metadata
from gateway.store.schema.papers import aside, client_folder, document, document_origin, picture, promised, saving
from gateway.store.schema.queue import (
    clock_mark,
    errand,
    queue_clock,
    queue_entry,
    recipient,
    returned,
    sent_copy,
    tried,
)
from gateway.store.schema.record import filing, location, message, reference, thread, unfiled, unindexed, verdict
from gateway.store.schema.steps import correspondent, correspondents, step, step_filing, step_noun
from gateway.store.schema.sync import backfilled, cursor, downloaded, mailbox_sync, searching, skipped, tally

__all__ = [
    "activity",
    "announced",
    "aside",
    "backfilled",
    "body",
    "client_folder",
    "clock_mark",
    "correspondent",
    "correspondents",
    "cursor",
    "dkim_key",
    "document",
    "document_origin",
    "downloaded",
    "errand",
    "event",
    "filing",
    "location",
    "mailbox_sync",
    "member_token",
    "message",
    "metadata",
    "muted",
    "noun",
    "picture",
    "preference",
    "promised",
    "queue_clock",
    "queue_entry",
    "quiet",
    "recipient",
    "reference",
    "returned",
    "saving",
    "sealed",
    "searching",
    "sent_copy",
    "skipped",
    "step",
    "step_filing",
    "step_noun",
    "tally",
    "thread",
    "tried",
    "unfiled",
    "unindexed",
    "verdict",
    "webhook",
]
