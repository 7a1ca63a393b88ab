"""Handing messages to the provider: sign in as the mailbox, one transaction each, an outcome for every recipient."""

from gateway.upstream.smtp.relay import Attempt, SmtpRelay

__all__ = ["Attempt", "SmtpRelay"]
