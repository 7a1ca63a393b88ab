"""What the database itself notes for search, so that no way of filing, refiling or taking out is forgotten."""

from __future__ import annotations

_ASK = "\nBEGIN INSERT INTO unindexed (message) VALUES"

ASKING = (
    f"CREATE TRIGGER filing_added AFTER INSERT ON filing{_ASK} (NEW.message); END",
    f"CREATE TRIGGER filing_changed AFTER UPDATE OF client, direction ON filing{_ASK} (NEW.message); END",
    f"CREATE TRIGGER filing_removed AFTER DELETE ON filing{_ASK} (OLD.message); END",
)
