"""Contract tests of the relay: on the trial provider, on Postfix, and on servers that do everything wrong."""
