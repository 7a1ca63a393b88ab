"""Whole journeys: the daemon as a child process between a mail program and a provider, trial and real."""
