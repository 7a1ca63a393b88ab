"""Decisions, pure and synchronous: who may send as whom, which rule, whose client, which thread, when again, where."""
