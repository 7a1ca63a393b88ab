"""A mail provider in memory, for trying Postern out and for tests; it misbehaves on demand, at any stage."""
