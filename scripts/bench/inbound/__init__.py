"""How fast, how lean and how soon Postern reads mailboxes, beside other programs on the same Dovecot."""
