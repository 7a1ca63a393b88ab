"""A private Dovecot on loopback: IMAP, IMAPS, LMTP and the sign-in that Postfix asks."""

from __future__ import annotations

import contextlib
import imaplib
import shutil
import smtplib
import subprocess
from pathlib import Path

from tests.peers import ground
from tests.peers.ca import Ca
from tests.waiting import until_now

PROGRAMS = ("dovecot", "doveadm")
PASSWORD = "one-for-all"
USERS = "nobody"  # who owns the mail files
INOTIFY_INSTANCES = 1024  # one for each idling session; Debian allows 128 for a user
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")

_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
instance_name = {name}
default_process_limit = 400
default_client_limit = 2000

ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %Lu
auth_username_chars =
auth_failure_delay = 0
auth_cache_size = 1M
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid=nogroup home={folder}/mail/%d/%n allow_all_users=yes
}}

first_valid_uid = 1
last_valid_uid = 0
mail_location = maildir:~/Maildir
mailbox_idle_check_interval = 1s
mailbox_list_index = yes
mail_max_userip_connections = 400
mail_fsync = never
lda_mailbox_autocreate = yes
quota_full_tempfail = yes
recipient_delimiter =
submission_host = 127.0.0.1:9
postmaster_address = postmaster@peer.example
hostname = peer.example

namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    special_use = \\Sent
    auto = subscribe
  }}
  mailbox Archive {{
    special_use = \\Archive
    auto = subscribe
  }}
  mailbox Drafts {{
    special_use = \\Drafts
    auto = subscribe
  }}
}}

service imap-login {{
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 400
}}
service lmtp {{
  process_min_avail = 1
  process_limit = 50
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  inet_listener {{
    port = {auth_port}
  }}
}}
protocol lmtp {{
  mail_plugins =
}}
"""


def why_missing() -> str | None:
    """Return the reason for skipping, or None; the configuration is Dovecot 2.3's, 2.4 speaks another language."""
    if reason := ground.why_missing(PROGRAMS):
        return reason
    version = ground.run(str(ground.program("dovecot")), "--version").split()[0]
    return None if version.startswith("2.3.") else f"{ground.MISSING}: Dovecot 2.3 is needed, this is {version}"


class Dovecot:
    """Any address is a user, all with the same password; `deliver` is done when the mail can be read by IMAP."""

    host = "127.0.0.1"
    password = PASSWORD

    def __init__(self, ca: Ca) -> None:
        self.folder = ground.folder("dovecot")
        self.imap_port, self.imaps_port, self.lmtp_port, self.auth_port = (ground.free_port() for _ in range(4))
        self._config = self.folder / "dovecot.conf"
        self._log = self.folder / "dovecot.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._ca = ca
        (self.folder / "mail").mkdir()
        shutil.chown(self.folder / "mail", USERS, "nogroup")
        self.configure()

    def configure(self, extra: str = "") -> None:
        """Write the configuration; `extra` goes at its end and overrides. In force after a restart."""
        names = {name: port for name, port in vars(self).items() if name.endswith("_port")}
        text = _CONFIG.format(
            folder=self.folder,
            name=self.folder.name,
            certificate=self._ca.certificate,
            key=self._ca.key,
            password=PASSWORD,
            user=USERS,
            **names,
        )
        self._config.write_text(text + extra)

    def start(self) -> None:
        """Return when every port answers."""
        if _INOTIFY.exists() and int(_INOTIFY.read_text()) < INOTIFY_INSTANCES:
            with contextlib.suppress(OSError):  # read-only in some containers: fewer sessions can idle then
                _INOTIFY.write_text(str(INOTIFY_INSTANCES))
        with (self.folder / "stderr").open("ab") as stderr:
            command = [str(ground.program("dovecot")), "-F", "-c", str(self._config)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
        until_now(self._ready, timeout=20, what=f"Dovecot to answer; see {self._log}")

    def stop(self) -> None:
        """Every connection is cut; what was delivered stays."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(timeout=20)
        self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stop for good and leave nothing behind."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def add_user(self, address: str) -> str:
        """Return the address, whose folders exist from now on."""
        self.doveadm("mailbox", "status", "-u", address, "messages", "INBOX")
        return address

    def deliver(self, address: str, raw: bytes, sender: str = "") -> None:
        """Put a message into the INBOX by LMTP."""
        with smtplib.LMTP(self.host, self.lmtp_port, timeout=30) as lmtp:
            lmtp.sendmail(sender, [address], raw)

    def append(self, address: str, folder: str, raw: bytes) -> None:
        """Put a message into a folder as a mail program does; the name as on the wire."""
        with imaplib.IMAP4(self.host, self.imap_port, timeout=30) as imap:
            imap.login(f'"{address}"', PASSWORD)
            status, said = imap.append(folder, "", "", raw)
            assert status == "OK", said

    def doveadm(self, *args: str) -> str:
        """Return what `doveadm ARGS` printed."""
        return ground.run(str(ground.program("doveadm")), "-c", str(self._config), *args)

    def uidvalidity(self, address: str, folder: str = "INBOX") -> int:
        """Return the folder's UIDVALIDITY as it stands."""
        return int(self.doveadm("-f", "tab", "mailbox", "status", "-u", address, "uidvalidity", folder).split()[-1])

    def new_uidvalidity(self, address: str, folder: str = "INBOX") -> int:
        """Renumber a folder as a restored or rebuilt server does: new UIDVALIDITY, UIDs from 1; return it."""
        before = self.uidvalidity(address, folder)
        if address in self.doveadm("who"):
            self.doveadm("kick", address)
        local, _, domain = address.lower().rpartition("@")
        maildir = self.folder / "mail" / domain / local / "Maildir"
        place = maildir if folder == "INBOX" else maildir / f".{folder.replace('/', '.')}"
        numbers = [*place.glob("dovecot-uidlist"), *place.glob("dovecot.index*"), *maildir.glob("dovecot.list.index*")]
        for file in numbers:
            file.unlink(missing_ok=True)
        self.doveadm("mailbox", "update", "--uid-validity", str(before + 1000), "-u", address, folder)
        return self.uidvalidity(address, folder)

    def messages(self, address: str, folder: str = "INBOX") -> list[bytes]:
        """Return the raw messages of a folder, oldest first, without touching their flags."""
        with imaplib.IMAP4(self.host, self.imap_port, timeout=30) as imap:
            imap.login(f'"{address}"', PASSWORD)
            status, _ = imap.select(folder, readonly=True)
            if status != "OK":
                return []
            _, rows = imap.uid("FETCH", "1:*", "(BODY.PEEK[])")
            return [row[1] for row in rows if isinstance(row, tuple)]

    @property
    def log(self) -> str:
        """What the server logged so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"Dovecot ended: {(self.folder / 'stderr').read_text()}{self.log}")
        return all(ground.answers(port) for port in (self.imap_port, self.imaps_port, self.lmtp_port, self.auth_port))
