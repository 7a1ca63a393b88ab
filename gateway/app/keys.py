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
    path = data_dir / FILE
    if _credential() is None and not path.exists() and not (data_dir / "postern.db").exists():
        _make(path)
    return there(data_dir)


def there(data_dir: Path) -> bytes:
    """The key of a database that is there, or is about to be. Raises `Faulty` where it is missing or can't be used."""
    credential = _credential()
    if credential is not None:
        return _checked(credential, credential.read_bytes())
    path = data_dir / FILE
    if not path.exists():
        raise Faulty("key", [Fault(str(path), "is missing, and the database holds secrets under it: restore it")])
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Faulty("key", [Fault(str(path), "others can read it: chmod 600")])
    return _checked(path, path.read_bytes())


def _credential() -> Path | None:
    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
    path = Path(credentials) / CREDENTIAL
    return path if credentials and path.exists() else None


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
