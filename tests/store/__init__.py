"""The database and the files."""
