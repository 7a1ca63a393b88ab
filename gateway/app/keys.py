"""The key under which secrets lie in the database: from systemd's credentials, or a 0600 file in the data folder."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from gateway.domain.errors import Fault, Faulty

KEY_SIZE = 32  # octets: AES-256
CREDENTIAL = "postern.key"
FILE = "secret.key"


def load_key(data_dir: Path) -> bytes:
    """The 32-octet key; made at the first start, and never a second one. Raises `Faulty` when it can't be used."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if credentials and (path := Path(credentials) / CREDENTIAL).exists():
        return _checked(path, path.read_bytes())
    path = data_dir / FILE
    if not path.exists():
        if (data_dir / "postern.db").exists():
            raise Faulty("key", [Fault(str(path), "is missing, and the database holds secrets under it: restore it")])
        _make(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Faulty("key", [Fault(str(path), "others can read it: chmod 600")])
    return _checked(path, path.read_bytes())


def _make(path: Path) -> None:
    """Durable before it is used: a key lost in a power cut would lose every secret under it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(KEY_SIZE))
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _checked(path: Path, key: bytes) -> bytes:
    if len(key) != KEY_SIZE:
        raise Faulty("key", [Fault(str(path), f"must hold exactly {KEY_SIZE} octets, has {len(key)}")])
    return key
