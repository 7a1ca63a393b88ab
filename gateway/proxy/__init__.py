"""IMAP in: the room that mail programs read from, and the plumbing of an accepted connection."""
