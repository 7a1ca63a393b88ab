"""Who is at the other end of a Unix socket, as the kernel says, and whether they may be."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from dataclasses import dataclass

from gateway.domain.errors import Fault, Faulty

_UCRED = struct.Struct("=iII")  # struct ucred of unix(7): pid, uid, gid


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected, with the ids that it had at that moment."""

    pid: int
    uid: int
    gid: int

    @property
    def name(self) -> str:
        """The user's name, for the activity trail; asks the user database, which may block."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"uid {self.uid}"


@dataclass(frozen=True, slots=True)
class Door:
    """Root, the daemon's own user and the members of one group pass, whatever the file mode became (U1)."""

    own_uid: int
    group_id: int | None = None
    group_needs_token: bool = False  # then those of the group are members of the firm, and no operators

    def lets_in(self, peer: Peer) -> bool:
        """Asks the user database for supplementary groups, which may block."""
        return self._runs_it(peer) or self._is_of_group(peer)

    def is_operator(self, peer: Peer) -> bool:
        """Whether they need no token; may block as well."""
        return self._runs_it(peer) or (not self.group_needs_token and self._is_of_group(peer))

    def _runs_it(self, peer: Peer) -> bool:
        return peer.uid in {0, self.own_uid}

    def _is_of_group(self, peer: Peer) -> bool:
        return self.group_id is not None and self.group_id in _groups_of(peer)


def peer_of(connection: socket.socket) -> Peer:
    """SO_PEERCRED of a connected Unix socket."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return Peer(*_UCRED.unpack(credentials))


def group_id(name: str | None) -> int | None:
    """The group's number; a name that this machine doesn't know is a fault of the settings."""
    if name is None:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        sentence = f"there is no group {name!r} on this machine: create it (groupadd --system {name}) or name another"
        raise Faulty("The admin socket can't be made", [Fault("admin.group", sentence)]) from None


def _groups_of(peer: Peer) -> frozenset[int]:
    try:
        name = pwd.getpwuid(peer.uid).pw_name
    except KeyError:  # a uid without a name, as in some containers: only what the kernel said
        return frozenset({peer.gid})
    return frozenset(os.getgrouplist(name, peer.gid))
