"""The short form of each fault of `scripts.faults`, in the test run."""
