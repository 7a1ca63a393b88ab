"""A private Postfix on loopback: submission with STARTTLS and implicit TLS, everything delivered to Dovecot."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.peers import ground
from tests.peers.ca import Ca
from tests.peers.dovecot import Dovecot
from tests.waiting import until_now

PROGRAMS = ("postfix", "postqueue")
REFUSED = "no-such-user"  # local part that this server answers 550 5.1.1, in any domain
DEFERRED = "greylisted"  # local part that this server answers 450 4.2.0, in any domain
SIZE_LIMIT = 100_000_000  # octets: larger than what a gateway takes, so that the gateway's own limit is what tests meet

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
syslog_name = postfix
multi_instance_wrapper =
mail_owner = postfix
setgid_group = postdrop
command_directory = /usr/sbin
daemon_directory = {daemons}
myhostname = peer.example
myorigin = peer.example
mynetworks =
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
default_transport = lmtp:inet:127.0.0.1:{lmtp_port}
relay_transport = lmtp:inet:127.0.0.1:{lmtp_port}
local_transport = lmtp:inet:127.0.0.1:{lmtp_port}
lmtp_dns_support_level = disabled
lmtp_destination_recipient_limit = 50
default_destination_concurrency_limit = 20
smtpd_peername_lookup = no
smtpd_banner = peer.example ESMTP
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth_port}
smtpd_sasl_security_options = noanonymous
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access regexp:{folder}/recipients, permit_sasl_authenticated, reject
smtpd_client_event_limit_exceptions = 127.0.0.0/8
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 200
message_size_limit = {size_limit}
mailbox_size_limit = 0
in_flow_delay = 0
smtputf8_enable = yes
minimal_backoff_time = 5s
queue_run_delay = 5s
"""

_MASTER = """
127.0.0.1:{smtp_port} inet n - n - 100 smtpd
127.0.0.1:{smtps_port} inet n - n - 100 smtpd
  -o smtpd_tls_wrappermode=yes
pickup    unix  n - n 60    1 pickup
cleanup   unix  n - n -     0 cleanup
qmgr      unix  n - n 300   1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
verify    unix  - - n -     1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -     - proxymap
proxywrite unix - - n -     1 proxymap
smtp      unix  - - n -     - smtp
relay     unix  - - n -     - smtp
showq     unix  n - n -     - showq
error     unix  - - n -     - error
retry     unix  - - n -     - error
discard   unix  - - n -     - discard
lmtp      unix  - - n -     20 lmtp
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


def why_missing() -> str | None:
    """Return the reason for skipping, or None."""
    return ground.why_missing(PROGRAMS)


class Postfix:
    """Takes mail from who signs in as any user of `dovecot`, and puts all of it into Dovecot's INBOXes."""

    host = "127.0.0.1"

    def __init__(self, ca: Ca, dovecot: Dovecot) -> None:
        self.folder = ground.folder("postfix")
        self.smtp_port, self.smtps_port = ground.free_port(), ground.free_port()
        self.password = dovecot.password
        self._log = self.folder / "mail.log"
        self._ca, self._dovecot = ca, dovecot
        for name in ("etc", "queue", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix", "postfix")
        self._etc = self.folder / "etc"
        self.configure()

    def configure(self, extra: str = "") -> None:
        """Write main.cf with `extra` at its end, and master.cf. In force after a restart."""
        main = _MAIN.format(
            folder=self.folder,
            daemons=Path(str(ground.program("master"))).parent,
            lmtp_port=self._dovecot.lmtp_port,
            auth_port=self._dovecot.auth_port,
            certificate=self._ca.certificate,
            key=self._ca.key,
            size_limit=SIZE_LIMIT,
        )
        (self._etc / "main.cf").write_text(main + extra)
        (self._etc / "master.cf").write_text(_MASTER.format(smtp_port=self.smtp_port, smtps_port=self.smtps_port))
        recipients = f"/^{REFUSED}@/ 550 5.1.1 No such user here\n/^{DEFERRED}@/ 450 4.2.0 Come back later\n"
        (self.folder / "recipients").write_text(recipients)

    def start(self) -> None:
        """Return when both ports answer."""
        ground.run(str(ground.program("postfix")), "-c", str(self._etc), "start")
        ready = (self.smtp_port, self.smtps_port)
        until_now(lambda: all(map(ground.answers, ready)), timeout=20, what=f"Postfix to answer; see {self._log}")

    def stop(self) -> None:
        """Every connection is cut; what was queued stays."""
        if self._running():
            ground.run(str(ground.program("postfix")), "-c", str(self._etc), "abort")
            until_now(lambda: not self._running(), timeout=20, what="Postfix to end")

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stop for good and leave nothing behind."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def queue(self) -> list[str]:
        """Return what still waits for delivery, one JSON text for each message."""
        return ground.run(str(ground.program("postqueue")), "-c", str(self._etc), "-j").splitlines()

    @property
    def log(self) -> str:
        """What the server logged so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _running(self) -> bool:
        pid_file = self.folder / "queue" / "pid" / "master.pid"
        if not pid_file.exists() or not (words := pid_file.read_text().split()):
            return False
        stat = Path(f"/proc/{words[0]}/stat")
        try:
            return stat.read_text().split()[2] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False
