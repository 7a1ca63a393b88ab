"""What a provider asks of those who follow its mailboxes, as one value."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1_000_000  # as the providers count


@dataclass(frozen=True, slots=True)
class Facts:
    """The defaults suit a provider of whom nothing is known. Times are seconds."""

    name: str
    hosts: tuple[str, ...] = ()  # ends of its IMAP hosts' names
    renew_idle: float = 9 * 60.0  # below the ten minutes after which some providers and NATs drop a silent connection
    poll: float = 5 * 60.0  # between two looks over the folders that no connection idles on
    idle_folders: int = 2  # INBOX and Sent, each with a connection of its own
    connections: int = 10  # that it lets one account have; see `idled_on`
    logins_a_second: float = 5.0  # over all of the firm's mailboxes there
    download_a_day: int | None = None  # octets of one mailbox
    answer: float = 60.0  # within which a server that is alive answers
    first_wait: float = 1.0  # before the first retry
    files_sent_mail: bool = False  # what leaves by its SMTP appears in Sent without us
    # By which name it signs the results that it writes into all mail from outside (RFC 8601): ".end" is any name below
    # it, "" that it gives none. Empty: it is not known to write any. And the ends of its servers' names in Received.
    authserv_ids: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()

    @property
    def idled_on(self) -> int:
        """How many folders get a connection of their own: one more each is for the rest, and for sent copies."""
        return max(1, min(self.idle_folders, self.connections - 2))
