"""Handing messages to the provider: sign in as the mailbox, one transaction each, an outcome for every recipient."""

from gateway.upstream.smtp.lane import Attempt
from gateway.upstream.smtp.relay import SmtpRelay
from gateway.upstream.smtp.transaction import Envelope

__all__ = ["Attempt", "Envelope", "SmtpRelay"]
