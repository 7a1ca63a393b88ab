"""Asks DNS, afresh each time: what a person has just published must not hide behind an old answer."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.errors import Unreachable

TRY_SECONDS = 3.0  # for one server; most answer in 50 ms
TOTAL_SECONDS = 12.0  # a person waits for it
PAYLOAD = 1232  # octets by UDP that pass everywhere without fragments (the DNS flag day of 2020)


async def find_txt(
    name: str,
    *,
    nameservers: Sequence[tuple[str, int]] = (),
    try_seconds: float = TRY_SECONDS,
    total_seconds: float = TOTAL_SECONDS,
) -> list[bytes]:
    """The TXT records at a name, each with its strings joined; empty where there are none.

    ``nameservers`` are IP addresses with ports; without them, those of the system. Raises Unreachable when no server
    answers, or none that knows.
    """
    # Imported here: a start of the daemon would take 60 ms longer, for what is asked a few times a year.
    import dns.asyncresolver
    import dns.exception
    import dns.nameserver
    import dns.resolver

    try:
        resolver = dns.asyncresolver.Resolver(configure=not nameservers)
        if nameservers:
            resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in nameservers]
        resolver.timeout, resolver.lifetime = try_seconds, total_seconds
        resolver.use_edns(0, 0, PAYLOAD)
        answer = await resolver.resolve(f"{name}.", "TXT", search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise Unreachable(
            f"DNS gave no answer about {name}: see whether this machine can look up names, then try again.",
            detail=f"{type(error).__name__}: {error}",
        ) from error
    return [b"".join(record.strings) for record in answer]
