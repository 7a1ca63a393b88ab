"""How we check whom we talk to: the system's certificate authorities, and the one that the sysadmin added."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=8)
def client_context(trust: Path | None = None) -> ssl.SSLContext:
    """Verifies certificate and host name, TLS 1.2 or newer (RFC 8314 section 4.1). Raises OSError for a bad file."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if trust is not None:
        context.load_verify_locations(cafile=str(trust))
    return context
