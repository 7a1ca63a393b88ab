"""Where the quoted text of a reply begins, in the words of many mail programs and languages: signatures go above."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

MAX_CANDIDATES = 2_000  # lines that are looked at closely; a reply has one within the first few
MAX_ATTRIBUTION = 4  # lines that "On … wrote:" may be wrapped to
MAX_LINE = 500  # characters; an attribution is shorter
WRAPPED = 50  # characters: behind a quoted line this long, an unquoted one is the rest of it

_VERBS = (
    r"wrote|writes|schrieb|schrieben|a écrit|écrit|écrivait|escribió|escribio|escreveu|ha scritto|scrisse|schreef|"
    r"heeft geschreven|geschreven|napisał(?:\(a\)|a)?|pisze|napsal(?:\(a\)|a)?|napísal(?:\(a\)|a)?|kirjoitti|skrev|"
    r"írta|ezt írta|a scris|написал(?:\(а\)|а)?|пишет|писал(?:\(а\)|а)?|написав(?:\(ла\))?|пише|написа|έγραψε|yazdı|"
    r"şunu yazdı|je napisao|je napisala|napisao je|kirjutas|rašė|parašė|rakstīja|rakstija|viết|đã viết|menulis|"
    r"va escriure|skrifaði|כתב|כתבה|كتب|写道|寫道|のメール|作成|님이 작성|เขียน"
)
_OPENING = re.compile(
    r"[ \t]*(?:On|Am|Le|El|Il|Em|Op|Den|Dne|Dňa|W dniu|Dnia|På|Pe|În data de|La|Στις|В|У|Dana|Vào|Pada|"
    r"Kuupäeval|Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b",
    re.IGNORECASE,
)
_VERB = re.compile(_VERBS)  # in lower case: a third of the time
_WIDE_COLON = "："
_COLON = re.compile(r":[ \t\u00a0*-]*(?=\r?\n|\Z)")  # one letter in front is found five times as fast as a choice
_ANY_COLON = re.compile(r"[:：][ \t\u00a0*-]*(?=\r?\n|\Z)")
_WROTE = re.compile(r"wrote[ \t\u00a0*-]*(?=\r?\n|\Z)")
_DATE = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[:.h]\d\d\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b")
_DIGIT = re.compile(r"\d")
_ADDRESS = re.compile(r"(?<![^\s<>@])<?[^\s<>@]++@[^\s<>@]+>?")
_ADDRESS_END = re.compile(r"(?<![^\s<>@])[^\s<>@]++@[^\s<>@]+>?[)\]]?[ \t\u00a0]*[:：]\s*\Z")
_SEPARATOR = re.compile(r"^[ \t]{0,20}-{3,60}+[ \t]*+[^\s-][^\n]{0,120}?-{3,60}[ \t]*\r?$", re.MULTILINE)
FROM = (
    r"From|Von|De|Da|Van|Fra|Från|Od|Feladó|De la|От|Від|Lähettäjä|Από|Kimden|Expéditeur|Mittente|"
    r"发件人|寄件者|差出人|보낸 사람"
)
OTHER = (
    r"Sent|Date|To|Cc|Subject|Gesendet|Datum|An|Betreff|Envoyé(?: le| par)?|À|A|Objet|Copie à|Sujet|Verzonden|Aan|"
    r"Onderwerp|Inviato|Data|Oggetto|Enviado(?: el| em)?|Fecha|Para|Asunto|Assunto|Sendt|Dato|Til|Emne|Skickat|Till|"
    r"Ämne|Wysłano|Do|Temat|DW|Odesláno|Komu|Předmět|Küldve|Címzett|Tárgy|Trimis|Către|Catre|Subiect|Отправлено|"
    r"Дата|Кому|Тема|Надіслано|Lähetetty|Päivämäärä|Vastaanottaja|Aihe|Στάλθηκε|Προς|Θέμα|Gönderildi|Tarih|Kime|Konu|"
    r"发送时间|收件人|主题|主旨|日期|送信日時|宛先|件名|보낸 날짜|받는 사람|제목|Odoslané|Predmet"
)
_BLOCK = re.compile(
    rf"^[ \t*]{{0,12}}(?:{FROM})[ \t\u00a0*]{{0,4}}[:：][^\n]*\n(?:[ \t]*[^\s:：][^\n]*\n)?"
    rf"(?:[ \t*]{{0,12}}(?:{OTHER})[ \t\u00a0*]{{0,4}}[:：][^\n]*(?:\n|\Z)[ \t\r]*){{1,6}}",
    re.MULTILINE,
)
MAX_FROM = 12 + max(map(len, FROM.split("|"))) + 4  # characters in front of the colon of such a block
_RULE_ABOVE = re.compile(r"(?:^|\n)[ \t]*(?:[_=-]{4,}|Message du ?:[^\n]*)[ \t]*\r?\n\s*\Z")
_QUOTED = re.compile(r"^[ \t]?>(?!:[ \t]*\r?$)", re.MULTILINE)  # ">:" is the end of a wrapped "… <a@b>:"
_DELIMITER = re.compile(r"^(?:-- ?|_{2,})\r?$", re.MULTILINE)  # a signature, or a mailing list's foot


def text_quote_start(text: str) -> int:
    """Find the first character of the quoted text; ``len(text)`` where there is none or the answer stands below it.

    Most texts quote nobody, so each pattern is tried only where a sign that it can't do without is there.
    """
    block = min(filter(lambda at: at >= 0, (_separator(text), _header_block(text))), default=len(text))
    attribution = _attribution(text[:block])
    first = _QUOTED.search(text, 0, block) if ">" in text else None
    quoted = first.start() if first else block
    start = min(attribution, quoted, block)
    if start == block or first is None:
        return start
    return _behind_answers(text[:block], start, quoted)


def _separator(text: str) -> int:
    if "---" not in text:
        return -1
    match = next((match for match in _SEPARATOR.finditer(text) if any(c.isalpha() for c in match[0])), None)
    return match.start() if match else -1


def _header_block(text: str) -> int:
    match = _BLOCK.search(text) if _WIDE_COLON in text else _block_at_a_colon(text)
    if not match:
        return -1
    above = _RULE_ABOVE.search(text, max(0, match.start() - MAX_LINE), match.start())
    return match.start() if above is None else above.start() + (text[above.start()] == "\n")


def _block_at_a_colon(text: str) -> re.Match[str] | None:
    """Find the first block of header lines; lines without a colon early on are never looked at."""
    at, line = text.find(":"), -1
    while at != -1:
        start = text.rfind("\n", max(0, at - MAX_FROM), at) + 1
        if start > line and (start or at <= MAX_FROM):
            match = _BLOCK.match(text, start)
            if match:
                return match
            line = start
        at = text.find(":", at + 1)
    return None


def _attribution(text: str) -> int:
    """Find "On …, … wrote:", wrapped or not, with or without a verb, in any of the languages."""
    colon = _ANY_COLON if _WIDE_COLON in text else _COLON
    endings = [*islice(colon.finditer(text), MAX_CANDIDATES)]
    if "wrote" in text:
        endings.extend(islice(_WROTE.finditer(text), MAX_CANDIDATES))
    for ending in sorted(endings, key=re.Match.start):
        for start in _line_starts(text, ending.start()):
            chunk = text[start : ending.end()]
            if _QUOTED.match(chunk.lstrip()):
                break
            if says_who_wrote(chunk):
                return _extended(text, start)
    return len(text)


def _line_starts(text: str, at: int) -> Iterator[int]:
    """Yield the start of the line that ``at`` is on, and of those above, up to an empty or quoted one."""
    for _ in range(MAX_ATTRIBUTION):
        start = text.rfind("\n", max(0, at - MAX_LINE), at) + 1
        if start == 0 and at > MAX_LINE:
            return
        yield start
        if start == 0:
            return
        at = start - 1
        above = text[max(0, text.rfind("\n", max(0, at - MAX_LINE), at) + 1) : at].strip()
        if not above or above.startswith(">"):
            return


def says_who_wrote(chunk: str) -> bool:
    """Whether it names a day or an hour, and somebody who wrote."""
    bare = _ADDRESS.sub("", chunk)
    dated = bool(_DATE.search(bare)) or bool(_OPENING.match(chunk) and _DIGIT.search(bare))
    return dated and bool(_VERB.search(bare.lower()) or _ADDRESS_END.search(chunk))


def _extended(text: str, start: int) -> int:
    """Take in the line above where the attribution began there."""
    for above in list(_line_starts(text, start - 1))[:2] if start else []:
        if _OPENING.match(text, above) and _DIGIT.search(text, above, start):
            return above
    return start


def _behind_answers(text: str, start: int, quoted: int) -> int:
    """Where answers stand between or below the quotes, the quote that matters is what follows the last answer."""
    delimiter = next((match.start() for match in _DELIMITER.finditer(text, quoted)), len(text))
    answer, long_quote = -1, False
    at = quoted
    while at < delimiter:
        end = text.find("\n", at, delimiter)
        end = delimiter if end == -1 else end + 1
        line = text[at:end].strip()
        if line.startswith(">"):
            long_quote = len(line) >= WRAPPED
        elif not line:
            long_quote = False
        elif not long_quote:
            answer = end
        at = end
    if answer == -1:
        return start
    below = _QUOTED.search(text, answer, delimiter)
    return below.start() if below else len(text)
