"""Decisions, each with the attack that it must withstand."""
