"""The clients towards the firm's providers."""
