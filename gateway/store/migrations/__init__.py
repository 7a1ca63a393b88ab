"""The database's history: one file a version, run by `gateway.store.migrate` and never by hand."""
