"""A firm of its own for each journey: members, a shared mailbox with signature and BCC, one client."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Protocol

ANA_PASSWORD = "ana's secret"
ION_PASSWORD = "ion's secret"
SIGNATURE = "Popescu & Asociații, Strada Lungă 1"

_FIRM = """
[firm]
name = "Popescu & Asociații"

[[member]]
login = "ana"
name = "Ana Pop"
role = "owner"
password = "{ana_password}"

[[member]]
login = "ion"
name = "Ion Ion"
role = "employee"
password = "{ion_password}"

[[mailbox]]
address = "{support}"
name = "Popescu Support"
members = ["ana"]
allow_others_to_send = {others}
save_attachments = true
signature = "support"
password = "{password}"
imap = {{ host = "127.0.0.1", port = {imap_port}, security = "none" }}
smtp = {{ host = "127.0.0.1", port = {smtp_port}, security = "none" }}
folders = ["INBOX", "Sent"]

[[signature]]
name = "support"
text = "-- \\n{{{{ member.name }}}}\\n{signature}"
html = "<p><b>{{{{ member.name }}}}</b><br>{signature_html}</p>"

[[rule]]
name = "clients get mail from support"
when = {{ to_client = true }}
send_as = "{support}"
display_name = "{{{{ member.name }}}} ({{{{ firm.name }}}})"
bcc = ["{archive}"]

[[client]]
name = "Al Pacino"
members = ["*"]
contacts = [ {{ name = "Al Pacino", addresses = [ {{ address = "{client}", email_sync = true }} ] }} ]
"""


class Ports(Protocol):
    """What the file must know of a provider."""

    imap_port: int
    smtp_port: int
    password: str


@dataclass(frozen=True)
class FirmOnPaper:
    """Addresses that no other journey uses, and the file for `postern apply`."""

    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    @property
    def support(self) -> str:
        return f"support@{self.mark}.firm.example"

    @property
    def archive(self) -> str:
        return f"archive@{self.mark}.firm.example"

    @property
    def client(self) -> str:
        return f"al@{self.mark}.pacino.example"

    @property
    def accounts(self) -> tuple[str, ...]:
        """Everybody whose mail the provider keeps."""
        return (self.support, self.archive, self.client)

    def toml(self, at: Ports, *, password: str = "", others: bool = True) -> str:
        """Return the firm's file; `others`: members who are not attached may send as support."""
        return _FIRM.format(
            ana_password=ANA_PASSWORD,
            ion_password=ION_PASSWORD,
            support=self.support,
            archive=self.archive,
            client=self.client,
            others=str(others).lower(),
            password=password or at.password,
            imap_port=at.imap_port,
            smtp_port=at.smtp_port,
            signature=SIGNATURE,
            signature_html=SIGNATURE.replace("&", "&amp;"),
        )
