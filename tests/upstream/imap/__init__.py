"""IMAP: grammar, a scripted server for faults, and one contract that every peer must pass."""
