"""The firm's mailboxes at their providers: the IMAP and SMTP clients, each behind a narrow interface of ours."""
