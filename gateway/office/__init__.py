"""The firm's own work: its settings as members, mailboxes, rules and clients, and who signs in."""
