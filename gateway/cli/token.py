"""As whom a command asks: with the member's token of POSTERN_TOKEN, or of a file that is nobody else's to read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gateway.cli.exits import NOT_ALLOWED, Failed

VARIABLE = "POSTERN_TOKEN"
FILE_VARIABLE = "POSTERN_TOKEN_FILE"
MAX_OCTETS = 1_000  # a token has 64; a file that is something else is not read whole


def token() -> str:
    """Empty where there is none: then the operator asks. A file that others may read is not used, and that is said."""
    given = os.environ.get(VARIABLE, "").strip()
    if given:
        return given
    named = os.environ.get(FILE_VARIABLE, "")
    path = Path(named or _usual())
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise Failed(NOT_ALLOWED, f"Others can read the token in {path}: chmod 600, and make a new one.")
            return file.read(MAX_OCTETS).decode("ascii", "replace").strip()
    except FileNotFoundError:
        if named:
            raise Failed(NOT_ALLOWED, f"There is no token in {path}: {FILE_VARIABLE} names that file.") from None
        return ""
    except OSError as error:
        if not named and isinstance(error, PermissionError):
            return ""  # a home that is another's, as after a change of user: whoever asks has no token there
        raise Failed(NOT_ALLOWED, f"The token in {path} can't be read: {error.strerror}.") from error


def _usual() -> str:
    """Where programs of a user keep such things (XDG Base Directory Specification)."""
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - never raises
    return f"{folder}/postern/token"
