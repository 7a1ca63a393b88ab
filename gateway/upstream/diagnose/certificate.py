"""Why a certificate does not hold, in words that tell the reasons apart."""

from __future__ import annotations

import ssl

from gateway.upstream.diagnose.found import APPLY, Failed

_RENEW = "Have whoever runs the server renew it; the gateway sends no password before."
_NAME = f"Use the host name that the provider gives, as it stands in the certificate: {APPLY}."
_TRUST = (
    "If {host} is your own server, name its certificate (or its authority's) under [upstream] trust in postern.toml "
    "and restart; else have it get one from a public authority."
)
_UNKNOWN = "The certificate of {host} is from an authority that this machine does not know"
_OTHER_NAME = "The certificate is not for {host}: the server is called something else."

# By OpenSSL's numbers (X509_V_ERR_...), of those that a mailbox's server meets.
_REASONS = {
    2: (f"{_UNKNOWN}, or the server keeps its intermediate certificate back.", _TRUST),
    9: ("The certificate of {host} is not valid yet.", "Look at the clock of this machine, then at the server's."),
    10: ("The certificate of {host} has expired.", _RENEW),
    18: ("The certificate of {host} is self-signed: nobody vouches for it.", _TRUST),
    19: (f"{_UNKNOWN}.", _TRUST),
    20: (f"{_UNKNOWN}, or the server keeps its intermediate certificate back.", _TRUST),
    21: (f"{_UNKNOWN}, or the server keeps its intermediate certificate back.", _TRUST),
    23: ("The certificate of {host} was revoked.", _RENEW),
    62: (_OTHER_NAME, _NAME),
    64: (_OTHER_NAME, _NAME),
}


def untrusted(error: ssl.SSLCertVerificationError, host: str) -> Failed:
    """What is wrong with it, and what to do."""
    text, advice = _REASONS.get(error.verify_code, ("The certificate of {host} is not valid: {reason}.", _RENEW))
    return Failed(text.format(host=host, reason=error.verify_message), advice.format(host=host))
