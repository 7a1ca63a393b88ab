"""What the database itself refuses, whoever asks it: to delete or alter what is in the clients' record, or the trail.

The sweep of the queue (`pruning`) takes bodies that no message has; nothing else of this is ever taken away. Merging
threads moves filings from one thread of a client to another, which is allowed; taking a message out of a client's
record (`hand`) leaves it in ``unfiled``.
"""

from __future__ import annotations


def _guard(name: str, when: str, sentence: str) -> str:
    quoted = sentence.replace("'", "''")
    return f"CREATE TRIGGER {name} BEFORE {when}\nBEGIN SELECT RAISE(ABORT, '{quoted}'); END"


GUARDS = (
    _guard("activity_stays", "DELETE ON activity", "the activity is never deleted"),
    _guard("activity_is_linked", "INSERT ON activity\nWHEN NEW.link = ''", "each line of the activity has its link"),
    _guard("activity_is_fixed", "UPDATE ON activity", "the activity is never altered"),
    _guard("message_stays", "DELETE ON message", "nobody deletes a message from the record"),
    _guard(
        "message_is_fixed",
        "UPDATE OF id, sha256, size, filed_at ON message",
        "nobody gives a message of the record other bytes",
    ),
    _guard(
        "filing_stays",
        "DELETE ON filing\nWHEN NOT EXISTS (SELECT 1 FROM unfiled "
        "WHERE unfiled.client = OLD.client AND unfiled.message = OLD.message)",
        "nobody deletes a message from a client's record",
    ),
    _guard(
        "unfiled_stays",
        "DELETE ON unfiled\nWHEN NOT EXISTS (SELECT 1 FROM filing "
        "WHERE filing.client = OLD.client AND filing.message = OLD.message)",
        "nobody deletes what was taken out of a client's record",
    ),
    _guard("unfiled_is_fixed", "UPDATE ON unfiled", "nobody alters who took a message out of a client's record"),
    _guard("filing_is_fixed", "UPDATE OF client, message ON filing", "nobody moves a message out of a client's record"),
    _guard("document_stays", "DELETE ON document", "nobody deletes a document from a client's record"),
    _guard(
        "body_stays",
        "DELETE ON body\nWHEN EXISTS (SELECT 1 FROM message WHERE message.sha256 = OLD.sha256)",
        "nobody deletes the bytes of a message of the record",
    ),
    _guard("body_is_fixed", "UPDATE OF sha256, size, content ON body", "nobody alters the bytes of a message"),
)
