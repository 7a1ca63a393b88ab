"""The steps that every server has in common: its name, a connection, a certificate."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from contextlib import closing
from pathlib import Path

from gateway.domain.firm import Endpoint, Mailbox, Security
from gateway.upstream.diagnose.found import APPLY, Failed, Found
from gateway.upstream.tls import client_context

ADDRESSES = 4  # of one name; more are more of the same
CONNECT_SECONDS = 5.0  # for one address: a TCP connection over any sea takes less than one


class Place:
    """One endpoint of a mailbox; the steps are called in their order."""

    def __init__(self, mailbox: Mailbox, endpoint: Endpoint, trust: Path | None) -> None:
        self.mailbox = mailbox
        self.endpoint = endpoint
        self.trust = trust
        self._addresses: list[tuple[int, tuple[object, ...]]] = []

    async def name(self) -> Found:
        """What DNS and the hosts file say."""
        host = self.endpoint.host
        try:
            rows = await asyncio.get_running_loop().getaddrinfo(host, self.endpoint.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise _nameless(host, error) from error
        self._addresses = [(int(family), tuple(address)) for family, _, _, _, address in rows][:ADDRESSES]
        listed = ", ".join(str(address[0]) for _, address in self._addresses)
        return Found(f"{host} is an address." if _is_address(host) else f"{host} is {listed}.")

    async def tcp(self) -> Found:
        """The first of its addresses that takes a connection, in the order in which the system prefers them."""
        errors: list[OSError] = []
        for family, address in self._addresses:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await _knock(family, address)
            except OSError as error:  # TimeoutError is one
                errors.append(error)
            else:
                return Found(f"{address[0]} takes connections on port {self.endpoint.port}.")
        raise self._closed(errors)

    async def handshake(self) -> Found:
        """TLS from the first octet, verified as always."""
        context = client_context(self.trust)
        host, port = self.endpoint.host, self.endpoint.port
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
        try:
            certificate = writer.get_extra_info("peercert") or {}
            version = writer.get_extra_info("ssl_object").version()
        finally:
            writer.transport.abort()
        return Found(f"{version}, certificate valid until {certificate.get('notAfter', 'an unknown day')}.")

    def in_clear(self) -> Found:
        """Security is none: fine on this machine, careless elsewhere."""
        if self._addresses and all(_is_loopback(str(address[0])) for _, address in self._addresses):
            return Found("Not used: the server is on this machine.")
        return Found(
            "Not used: password and mail pass the network in clear.",
            f"Set security to tls or starttls, if the server offers it: {APPLY}.",
        )

    @property
    def protects(self) -> bool:
        return self.endpoint.security is not Security.NONE

    def _closed(self, errors: list[OSError]) -> Failed:
        place = f"{self.endpoint.host}:{self.endpoint.port}"
        if errors and all(isinstance(error, ConnectionRefusedError) for error in errors):
            return Failed(
                f"Nobody listens at {place}: the connection is refused.",
                f"Look at the port of the mailbox ({APPLY}), and whether the server runs.",
            )
        if errors and all(isinstance(error, TimeoutError) for error in errors):
            return Failed(
                f"{place} does not answer at all.",
                "Look at the port, and whether a firewall on the way lets this machine out to it.",
            )
        reason = errors[-1].strerror or str(errors[-1]) if errors else "it has no address"
        return Failed(f"No connection to {place}: {reason}.", "Look at the network of this machine.")


async def _knock(family: int, address: tuple[object, ...]) -> None:
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setblocking(False)
        await asyncio.get_running_loop().sock_connect(probe, address)


def _nameless(host: str, error: Exception) -> Failed:
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return Failed(
            f"No name server answers what {host} is.",
            "See whether this machine can look up names (its network, /etc/resolv.conf), then try again.",
        )
    return Failed(f"There is no host called {host}.", f"Look for a slip in the host name: {APPLY}.")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
