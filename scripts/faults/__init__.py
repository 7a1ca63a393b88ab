"""Faults done to the daemon on purpose, each in a file of its own, and the account of every message afterwards."""
