"""Postfix thrice: bare, with maps and a milter, and with altermime as content filter; each in a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from scripts.bench.outbound.letters import ARCHIVE, DOMAIN, MEMBERS, asked, shown
from tests.peers import ground
from tests.waiting import until_now

SIGNATURE = "Popescu & Asociati, Strada Lunga 1"
TEXT = f"\r\n-- \r\n{SIGNATURE}\r\n"
HTML = f"<p><b>{SIGNATURE.replace('&', '&amp;')}</b></p>\r\n"
MILTER = Path(__file__).with_name("signer.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that the distribution's python3-milter is for

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
myhostname = bench.example
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:{sink}
smtp_dns_support_level = disabled
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
filter_destination_recipient_limit = 1
message_size_limit = 0
mailbox_size_limit = 0
"""

_MAPS = """
sender_canonical_maps = texthash:{folder}/canonical
sender_bcc_maps = texthash:{folder}/copies
"""

_MILTER = """
smtpd_milters = unix:{folder}/milter.sock
milter_default_action = tempfail
"""

_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd {options}
127.0.0.1:{back} inet n - n - - smtpd
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
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
postlog   unix-dgram n - n - 1 postlogd
filter    unix  - n n -    10 pipe
  flags=Rq user=nobody argv={folder}/filter.sh ${{sender}} ${{recipient}}
"""

# As altermime's own example for Postfix has it, but that the message goes back by SMTP: its sendmail believes in no
# configuration but the machine's own. This is quicker than sendmail, which writes the message to the disk once more.
_FILTER = """#!/bin/sh
trap "rm -f in.$$" 0 1 2 3 15
cd {folder}/spool || {{ echo {folder}/spool does not exist; exit 75; }}
cat >in.$$ || {{ echo Cannot save mail to file; exit 75; }}
{altermime} --input=in.$$ --disclaimer={folder}/signature.txt --disclaimer-html={folder}/signature.html || \\
    {{ echo Message content rejected; exit 69; }}
{smtp_source} -F in.$$ -f "$1" -t "$2" 127.0.0.1:{back}
exit $?
"""


class Postfix:
    """Relays whatever comes from loopback to the sink; durable as Postfix always is: 250 after the fsync."""

    sign_in = False

    def __init__(self, sink: int, *, maps: bool = False, signer: bool = False, filtered: bool = False) -> None:
        self.folder = ground.folder("bench-postfix")
        self.port, self._back = ground.free_port(), ground.free_port()
        self._etc = self.folder / "etc"
        self._milter: subprocess.Popen[bytes] | None = None
        for name in ("etc", "queue", "data", "spool"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix", "postfix")
        shutil.chown(self.folder / "spool", "nobody")
        main = _MAIN + (_MAPS if maps else "") + (_MILTER if signer else "")
        daemons = Path(str(ground.program("master"))).parent
        (self._etc / "main.cf").write_text(main.format(folder=self.folder, daemons=daemons, sink=sink))
        # Addresses are rewritten and copies added once, when the filter hands the message back.
        options = "-o content_filter=filter: -o receive_override_options=no_address_mappings" if filtered else ""
        (self._etc / "master.cf").write_text(
            _MASTER.format(folder=self.folder, port=self.port, back=self._back, options=options)
        )
        self._write_maps()
        if signer:
            self._start_milter()
        self._start()

    def roots(self) -> list[int]:
        """The processes whose trees do all of the work."""
        master = int((self.folder / "queue" / "pid" / "master.pid").read_text())
        return [master, *([self._milter.pid] if self._milter is not None else [])]

    def owes(self) -> bool:
        """It delivers, and that is all."""
        return False

    def stop(self) -> None:
        """End it and leave nothing behind."""
        ground.run(str(ground.program("postfix")), "-c", str(self._etc), "stop")
        if self._milter is not None:
            self._milter.terminate()
            self._milter.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_maps(self) -> None:
        pairs = "".join(f"{asked(member)} {shown(member)}\n" for member in range(MEMBERS))
        (self.folder / "canonical").write_text(pairs)
        (self.folder / "copies").write_text(f"@{DOMAIN} {ARCHIVE}\n")
        (self.folder / "signature.txt").write_bytes(TEXT.encode())
        (self.folder / "signature.html").write_bytes(HTML.encode())
        script = self.folder / "filter.sh"
        programs = {"altermime": ground.program("altermime"), "smtp_source": ground.program("smtp-source")}
        script.write_text(_FILTER.format(folder=self.folder, back=self._back, **programs))
        script.chmod(0o755)

    def _start_milter(self) -> None:
        socket = self.folder / "milter.sock"
        texts = [str(self.folder / name) for name in ("signature.txt", "signature.html")]
        self._milter = subprocess.Popen([SYSTEM_PYTHON, str(MILTER), str(socket), *texts])
        until_now(socket.exists, timeout=20, what="the milter's socket")
        socket.chmod(0o666)

    def _start(self) -> None:
        ground.run(str(ground.program("postfix")), "-c", str(self._etc), "start")
        until_now(lambda: ground.answers(self.port), timeout=20, what=f"Postfix in {self.folder} to answer")


def missing(programs: Sequence[str]) -> str | None:
    """What of them is not installed, or None."""
    return ", ".join(name for name in programs if ground.program(name) is None) or None


def has_milter() -> bool:
    """Whether the distribution's python has pymilter."""
    asked_for = [SYSTEM_PYTHON, "-c", "import Milter"]
    return subprocess.run(asked_for, capture_output=True, check=False).returncode == 0
