"""The firm's own server, on the same machine or in the same building: nobody to be careful with but ourselves."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from gateway.upstream.providers.facts import Facts

OWN = Facts(name="the firm's own", hosts=("localhost",), logins_a_second=50.0)

_NEAR = tuple(map(ip_network, ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))


def is_own(host: str) -> bool:
    """Whether it is an address of this machine or of a private network (RFC 1918, RFC 4193); no name is looked up."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in near for near in _NEAR)
