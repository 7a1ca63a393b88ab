"""Why nothing more is read from a connection, or nothing that could be understood."""

from __future__ import annotations


class ConnectionLost(Exception):
    """The peer is gone, or we are: nothing more can be read or said."""


class LineTooLong(Exception):
    """No line end within the limit."""


class Garbled(Exception):
    """A line that ends in LF alone, or begins as no command does: nothing that follows can be taken for one."""


class Silence(Exception):
    """What had to come did not come in time."""


class Interrupted(Exception):
    """The server is stopping, and this was a moment at which a session may end."""
