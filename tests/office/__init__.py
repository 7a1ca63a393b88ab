"""The firm as it is applied, exported and signed in to."""
