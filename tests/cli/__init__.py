"""Tests of the command line against a daemon's real admin face."""
