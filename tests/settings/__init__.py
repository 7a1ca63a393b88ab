"""Settings files, good and bad, and the firm's file."""
