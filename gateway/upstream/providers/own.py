"""The firm's own server on the same machine: nobody to be careful with but ourselves."""

from __future__ import annotations

from gateway.upstream.providers.facts import Facts

OWN = Facts(name="this machine", hosts=("localhost", "127.0.0.1", "::1"), logins_a_second=50.0)
