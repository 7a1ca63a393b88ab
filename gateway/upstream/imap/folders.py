"""Folders of a mailbox, and which of them is the one for sent mail."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gateway.upstream.imap import utf7
from gateway.upstream.imap.parse import Listed

SPECIAL_USES = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash")  # RFC 6154

# What mail programs and providers call it, most usual first; compared without case, by the last part of the name.
SENT_NAMES = (
    *("Sent", "Sent Items", "Sent Messages", "Sent Mail", "Sent-Mail", "Sent Mails"),
    *("Gesendet", "Gesendete Objekte", "Gesendete Elemente", "Gesendete Nachrichten"),
    *("Envoyés", "Éléments envoyés", "Messages envoyés", "Courrier envoyé", "Objets envoyés"),
    *("Enviados", "Elementos enviados", "Mensajes enviados", "Correo enviado"),
    *("Itens enviados", "Mensagens enviadas", "Enviadas", "E-mails enviados"),
    *("Inviati", "Posta inviata", "Elementi inviati", "Messaggi inviati", "Inviata"),
    *("Trimise", "Elemente trimise", "Mesaje trimise", "E-mailuri trimise"),
    *("Verzonden", "Verzonden items", "Verzonden berichten"),
    *("Wysłane", "Elementy wysłane", "Odeslané", "Odeslaná pošta", "Odoslané", "Poslano", "Poslane stavke"),
    *("Elküldött", "Elküldött elemek", "Elküldött üzenetek"),
    *("Skickat", "Skickade", "Skickade objekt", "Sendt", "Sendte elementer", "Sendt post", "Lähetetyt"),
    *("Gönderilmiş Öğeler", "Gönderilenler", "Gönderilmiş"),
    *("Отправленные", "Надіслані", "Відправлені", "Изпратени", "Απεσταλμένα"),
    *(
        "送信済み",
        "送信済みアイテム",
        "送信済みメール",
        "已发送",
        "已发送邮件",
        "寄件備份",
        "보낸 편지함",
        "보낸편지함",
    ),
)
ARCHIVE_NAMES = ("Archive", "Archives", "Archiv", "Archivo", "Archivio", "Arquivo", "Arhivă", "Arhiva", "Archief")

_UNUSABLE = frozenset({"\\noselect", "\\nonexistent"})


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder by its decoded name; ``delimiter`` is empty where there is no hierarchy."""

    name: str
    delimiter: str
    flags: frozenset[str]

    @property
    def special_use(self) -> str:
        """``\\Sent``, ``\\All`` … as RFC 6154 spells them, or empty."""
        folded = {flag.casefold() for flag in self.flags}
        return next((use for use in SPECIAL_USES if use.casefold() in folded), "")

    @property
    def selectable(self) -> bool:
        """False for a name that only holds other folders."""
        return not _UNUSABLE & {flag.casefold() for flag in self.flags}

    @property
    def leaf(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(self.delimiter)[2] if self.delimiter else self.name


def sent_folder(folders: Sequence[Folder]) -> Folder | None:
    """Where sent mail goes: the one that the server marks, else by its name, else None."""
    return _choose(folders, "\\Sent", SENT_NAMES)


def default_folders(folders: Sequence[Folder]) -> tuple[str, ...]:
    """What is tailed when the settings name no folder: all mail where there is such, else INBOX, Sent, archive."""
    everything = _choose(folders, "\\All", ())
    if everything is not None:
        return (everything.name,)
    chosen = [_choose(folders, "\\Sent", SENT_NAMES), _choose(folders, "\\Archive", ARCHIVE_NAMES)]
    return ("INBOX", *(folder.name for folder in chosen if folder is not None and folder.name != "INBOX"))


def read_folder(listed: Listed) -> Folder | None:
    """A folder of a LIST response; None for a name that no command could carry back."""
    if not listed.name or any(octet in listed.name for octet in b"\r\n\0"):
        return None
    try:
        name = utf7.decode(listed.name)
    except ValueError:  # raw UTF-8 from a server that should know better
        name = listed.name.decode("utf-8", "replace")
    if name.upper() == "INBOX":
        name = "INBOX"
    return Folder(name, listed.delimiter, frozenset(listed.flags))


def _choose(folders: Sequence[Folder], use: str, names: Collection[str]) -> Folder | None:
    usable = [folder for folder in folders if folder.selectable]
    for folder in usable:
        if folder.special_use == use:
            return folder
    for name in names:
        same = [folder for folder in usable if _folded(folder.leaf) == _folded(name)]
        if same:
            return min(same, key=lambda folder: len(folder.name))  # the outermost: "Sent", not "Old/Sent"
    return None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
