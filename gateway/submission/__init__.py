"""The face for mail programs: SMTP submission (RFC 6409) on aiosmtpd's vocabulary and our own event loop."""
