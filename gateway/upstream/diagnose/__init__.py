"""Walks to a mailbox's servers as the gateway itself does, and says in plain words where the way ends."""

from gateway.upstream.diagnose.walk import diagnose

__all__ = ["diagnose"]
