"""An IMAP4rev1 server (RFC 3501, in the clearer words of RFC 9051) over any `mailstore.Mailstore`."""
