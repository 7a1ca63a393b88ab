"""Domains in which everybody may have a mailbox: none of them can stand for a client."""

from __future__ import annotations

# Those that clients of firms are met at; one that is missing here costs a firm that names it strangers' mail, and a
# person sees that in the record at once.
_DOMAINS = frozenset(
    {
        "126.com", "163.com", "aol.com", "bluewin.ch", "bk.ru", "btinternet.com", "chello.at", "comcast.net", "cox.net",
        "duck.com", "email.cz", "fastmail.com", "fastmail.fm", "free.fr", "freemail.hu", "freenet.de", "gmail.com",
        "googlemail.com", "hey.com", "hushmail.com", "icloud.com", "inbox.lv", "inbox.ru", "interia.pl", "k.ro",
        "laposte.net", "libero.it", "list.ru", "mac.com", "mail.bg", "mail.com", "mail.de", "mail.ee", "mail.ru",
        "mailbox.org", "me.com", "msn.com", "naver.com", "o2.pl", "onet.eu", "onet.pl", "op.pl", "orange.fr",
        "passport.com", "pm.me", "posteo.de", "proton.me", "protonmail.com", "qq.com", "rambler.ru", "rediffmail.com",
        "rocketmail.com", "sbcglobal.net", "seznam.cz", "sfr.fr", "sina.com", "sky.com", "t-online.de", "tin.it",
        "tiscali.it", "tlen.pl", "tuta.com", "tuta.io", "tutanota.com", "tutanota.de", "ukr.net", "verizon.net",
        "virgilio.it", "wanadoo.fr", "web.de", "windowslive.com", "wp.pl", "ymail.com", "zoho.com", "zohomail.eu",
    }
)  # fmt: skip
_EVERYWHERE = frozenset({"gmx", "hotmail", "live", "outlook", "yahoo", "yandex"})  # under each country's ending
_ENDINGS = 2  # labels of one: "fr", "co.uk"


def is_public(domain: str) -> bool:
    """Whether strangers have mailboxes there too; ``domain`` in lower-case A-labels."""
    name, *ending = domain.split(".")
    return domain in _DOMAINS or (name in _EVERYWHERE and 1 <= len(ending) <= _ENDINGS)
