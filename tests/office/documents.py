"""Firm documents: the one of contract.md, and changes to it."""

from __future__ import annotations

import copy
import tomllib
from typing import Any  # documents are JSON; tests reach into them

CONTRACT = """
[firm]
name = "Popescu & Asociații"
reply_to = "office@firm.example"

[[member]]
login = "ana"
name = "Ana Pop"
role = "owner"
password = "ana's password"

[[member]]
login = "ion"
name = "Ion Ionescu"
password = "ion's password"

[[mailbox]]
address = "support@firm.example"
name = "Popescu Support"
members = ["ana", "ion"]
allow_others_to_send = true
save_attachments = true
signature = "support"
username = "support@firm.example"
password = "upstream password"
imap = { host = "127.0.0.1", port = 1143, security = "none" }
smtp = { host = "127.0.0.1", port = 1025, security = "none" }
folders = ["INBOX", "Sent"]

[[signature]]
name = "support"
text = "-- \\n{{ member.name }}\\n{{ firm.name }}"
html = "<p><b>{{ member.name }}</b><br>{{ firm.name }}</p>"
images = { logo = { content_type = "image/png", base64 = "iVBORw==" } }

[[rule]]
name = "everything to clients leaves as support"
when = { member = ["ion"], to_client = true }
send_as = "support@firm.example"
display_name = "{{ member.name }} ({{ firm.name }})"
reply_to = "support@firm.example"
bcc = ["archive@firm.example"]

[[client]]
name = "Al Pacino"
members = ["ana", "ion"]
contacts = [
  { name = "Al Pacino", addresses = [
    { address = "al@pacino.example", email_sync = true, notify = true, login = false } ] },
]
"""


def contract() -> dict[str, Any]:
    """The file of the contract, read."""
    return tomllib.loads(CONTRACT)


def changed(**kinds: Any) -> dict[str, Any]:
    """The same with some keys replaced; None removes one."""
    document = copy.deepcopy(contract()) | kinds
    return {key: value for key, value in document.items() if value is not None}
