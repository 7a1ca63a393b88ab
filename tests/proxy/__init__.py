"""The IMAP server and its plumbing."""
