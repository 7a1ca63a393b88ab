"""Accounts with labels instead of folders: every message lies in All Mail, and in the folder of each of its labels."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from gateway.trial.store import TrialAccount, TrialFolder, TrialMessage

ALL_MAIL = "[Gmail]/All Mail"
_SYSTEM = {
    "INBOX": ("\\Inbox", ""),
    "[Gmail]/Sent Mail": ("\\Sent", "\\Sent"),
    "[Gmail]/Drafts": ("\\Draft", "\\Drafts"),
    "[Gmail]/Starred": ("\\Starred", "\\Flagged"),
}


class LabelFolder(TrialFolder):
    """What has one label; to put a message here or to take it away changes its labels."""

    def __init__(self, account: LabelledAccount, name: str, uidvalidity: int, label: str, use: str = "") -> None:
        super().__init__(name, uidvalidity, frozenset(filter(None, [use])))
        self.label = label
        self._account = account

    def deliver(self, raw: bytes, flags: Collection[str] = (), at: datetime | None = None) -> int:
        self._account.take(raw, (self.label,), flags, at)
        return self.uidnext - 1

    def remove(self, *uids: int) -> None:
        for message in [message for message in self.messages if message.uid in uids]:
            self._account.relabel(message.number, [label for label in message.labels if label != self.label])

    def hold(self, message: TrialMessage) -> None:
        """Have it where it has the label, and only there."""
        there = [one.uid for one in self.messages if one.number == message.number]
        if self.label not in message.labels:
            super().remove(*there)
        elif not there:
            self.put(message)
        else:
            self.messages = [
                replace(one, labels=message.labels, modseq=self.highestmodseq + 1) if one.uid in there else one
                for one in self.messages
            ]
            self._changed()


class AllMail(TrialFolder):
    """Everything; what is taken away here is gone from everywhere."""

    def __init__(self, account: LabelledAccount, uidvalidity: int) -> None:
        super().__init__(ALL_MAIL, uidvalidity, frozenset({"\\All"}))
        self._account = account

    def deliver(self, raw: bytes, flags: Collection[str] = (), at: datetime | None = None) -> int:
        return self._account.take(raw, (), flags, at)

    def remove(self, *uids: int) -> None:
        for message in [message for message in self.messages if message.uid in uids]:
            self._account.relabel(message.number, ())
        super().remove(*uids)

    def change(self, number: int, labels: Sequence[str]) -> TrialMessage | None:
        """Gives the message these labels; None where it is not there."""
        found = next((message for message in self.messages if message.number == number), None)
        if found is None:
            return None
        changed = replace(found, labels=tuple(labels), modseq=self.highestmodseq + 1)
        self.messages = [changed if message is found else message for message in self.messages]
        self._changed()
        return changed


class LabelledAccount(TrialAccount):
    """A `TrialAccount` that says X-GM-EXT-1: numbers that a message has wherever it lies, and its labels."""

    extensions = ("X-GM-EXT-1",)
    attributes = ("X-GM-MSGID", "X-GM-LABELS")

    def __init__(self, address: str, password: str, uidvalidity: int) -> None:
        super().__init__(address, password, uidvalidity)
        self.all_mail = AllMail(self, uidvalidity)
        self.folders = {
            name: LabelFolder(self, name, uidvalidity, label, use) for name, (label, use) in _SYSTEM.items()
        }
        self.folders[ALL_MAIL] = self.all_mail
        for name, use in (("[Gmail]/Spam", "\\Junk"), ("[Gmail]/Trash", "\\Trash")):
            self.folders[name] = TrialFolder(name, uidvalidity, frozenset({use}))
        self._numbers = itertools.count(1_600_000_000_000_000_001)

    async def create(self, name: str) -> None:
        await super().create(name)
        self.folders[name] = LabelFolder(self, name, self.folders[name].uidvalidity, name)

    def take(self, raw: bytes, labels: Sequence[str], flags: Collection[str] = (), at: datetime | None = None) -> int:
        """Puts a new message in; its UID in All Mail."""
        when = (at or datetime.now(UTC)).replace(microsecond=0)
        message = TrialMessage(0, raw, frozenset(flags), when, number=next(self._numbers), labels=tuple(labels))
        uid = self.all_mail.put(message)
        self._spread(message)
        return uid

    def relabel(self, number: int, labels: Sequence[str]) -> None:
        """What a person does by dragging: the message leaves some folders and appears in others."""
        changed = self.all_mail.change(number, labels)
        if changed is not None:
            self._spread(changed)

    def _spread(self, message: TrialMessage) -> None:
        for folder in self.folders.values():
            if isinstance(folder, LabelFolder):
                folder.hold(message)
