"""Real servers and mail programs from the distribution, started on loopback for one test session."""
