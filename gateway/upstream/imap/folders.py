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
# What nobody has sent yet, and what nobody wants: not looked into.
DRAFTS_NAMES = (
    *("Drafts", "Draft", "Entwürfe", "Entwurf", "Brouillons", "Brouillon", "Borradores", "Borrador", "Rascunhos"),
    *("Bozze", "Ciorne", "Concepten", "Wersje robocze", "Robocze", "Szkice", "Koncepty", "Rozepsané", "Nacrti"),
    *("Skice", "Osnutki", "Piszkozatok", "Utkast", "Kladder", "Luonnokset", "Taslaklar", "Черновики", "Чернетки"),
    *("Чернови", "Πρόχειρα", "下書き", "草稿", "草稿箱", "임시 보관함", "임시보관함"),
)
JUNK_NAMES = (
    *("Junk", "Spam", "Junk E-mail", "Junk Email", "Junk Mail", "Bulk Mail", "Bulk", "Unerwünscht", "Spamverdacht"),
    *("Junk-E-Mail", "Courrier indésirable", "Indésirables", "Pourriel", "Correo no deseado", "No deseado", "Lixo"),
    *("Lixo Eletrônico", "Lixo eletrónico", "Posta indesiderata", "Mesaje nesolicitate", "E-mailuri nedorite"),
    *("Ongewenste e-mail", "Ongewenst", "Wiadomości-śmieci", "Niechciane", "Nevyžádaná pošta", "Nevyžiadaná pošta"),
    *("Neželjena pošta", "Neželena pošta", "Levélszemét", "Skräppost", "Uønsket e-post", "Uønsket mail"),
    *("Roskaposti", "Önemsiz", "Gereksiz E-posta", "Нежелательная почта", "Спам", "Небажана пошта", "Нежелана поща"),
    *("Ανεπιθύμητα", "迷惑メール", "垃圾邮件", "垃圾郵件", "정크 메일", "스팸"),
)
TRASH_NAMES = (
    *("Trash", "Deleted", "Deleted Items", "Deleted Messages", "Bin", "Papierkorb", "Gelöscht", "Gelöschte Elemente"),
    *("Gelöschte Objekte", "Corbeille", "Éléments supprimés", "Messages supprimés", "Papelera", "Eliminados"),
    *("Elementos eliminados", "Lixeira", "Itens excluídos", "Itens eliminados", "Cestino", "Posta eliminata"),
    *("Coș de gunoi", "Coş de gunoi", "Gunoi", "Elemente șterse", "Elemente şterse", "Prullenbak"),
    *("Verwijderde items", "Kosz", "Elementy usunięte", "Koš", "Odstraněná pošta", "Kôš", "Odstránené", "Otpad"),
    *("Smeće", "Izbrisano", "Kuka", "Lomtár", "Törölt elemek", "Papperskorg", "Papperskorgen", "Borttaget"),
    *("Papirkurv", "Papirkurven", "Slettet post", "Slettede elementer", "Roskakori", "Poistetut", "Çöp", "Çöp Kutusu"),
    *("Silinmiş Öğeler", "Корзина", "Удаленные", "Кошик", "Видалені", "Кошче", "Изтрити", "Κάδος", "Διαγραμμένα"),
    *("ゴミ箱", "削除済みアイテム", "已删除邮件", "已删除", "垃圾桶", "刪除的郵件", "휴지통", "지운 편지함"),
)
_ELSEWHERE = frozenset({"\\Drafts", "\\Junk", "\\Trash", "\\Flagged", "\\Important"})  # the last two show others' mail
MAX_FOLDERS = 1000  # followed in one mailbox; a server that lists more is looked at no further

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
    """What is tailed when the settings name no folder: all mail where there is such, else INBOX, Sent, and the others.

    Mail is sorted into folders by people and their filters, so all are looked at but drafts, junk and trash.
    """
    everything = _choose(folders, "\\All", ())
    if everything is not None:
        return (everything.name,)
    sent = sent_folder(folders)
    unwanted = {_folded(name) for name in (*DRAFTS_NAMES, *JUNK_NAMES, *TRASH_NAMES)}
    others = [
        folder.name
        for folder in folders
        if folder.selectable
        and folder.special_use not in _ELSEWHERE
        and (folder.special_use or _folded(folder.leaf) not in unwanted)
    ]
    first = ("INBOX", *((sent.name,) if sent is not None else ()))
    return tuple(dict.fromkeys((*first, *others)))[:MAX_FOLDERS]


def followed(folders: Sequence[Folder], wanted: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which folders to tail, those to idle on first, and which of ``wanted`` are not there; empty: the default ones."""
    if not wanted:
        return default_folders(folders), ()
    there = {folder.name for folder in folders if folder.selectable}
    sent = sent_folder(folders)
    first = ("INBOX", sent.name if sent is not None else "")
    names = ["INBOX" if name.upper() == "INBOX" else name for name in wanted]
    ordered = sorted(dict.fromkeys(names), key=lambda name: first.index(name) if name in first else len(first))
    return tuple(name for name in ordered if name in there), tuple(name for name in ordered if name not in there)


def read_folder(listed: Listed, *, utf8: bool = False) -> Folder | None:
    """A folder of a LIST response; None for a name that no command could carry back. ``utf8``: it is not UTF-7."""
    if not listed.name or any(octet in listed.name for octet in b"\r\n\0"):
        return None
    try:
        name = listed.name.decode("utf-8", "replace") if utf8 else utf7.decode(listed.name)
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
