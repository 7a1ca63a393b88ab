"""Builds everything from settings, runs it, and stops it: the only place that wires rooms together."""
