"""What a subject is about (RFC 5256 section 2.1), and when that alone makes two messages one conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.record import HeaderFacts
from gateway.policy.words import words_of

MAX_ROUNDS = 50  # marks in front of one subject: a chain of answers has a dozen, and each round reads all that is left
ANSWER_WITHIN = timedelta(days=30)  # a month's business; what is answered later without naming it is a new matter
REPEAT_WITHIN = timedelta(hours=12)  # "2 of 3" and the corrected copy of a day; the next day's report stands apart
MIN_PEOPLE = 2  # mail to undisclosed recipients names its author only, who writes to everybody
MIN_LETTERS = 4  # of what is left without generic words: fewer are said of anything
MAX_TOPIC = 200  # characters; a subject that differs only behind them is the same

# What mail programs write in other languages in place of Re and of Fwd.
_LOCAL = "aw|antw|sv|vs|rif|odp|res|ynt|wg|vb|vl|tr|rv|enc|doorst|tov|pd|ilt"
_BLOB = r"\[[^\[\]]*\][ \t]*"
_REPLY = re.compile(rf"(?:{_BLOB})*(?:re|fwd?|{_LOCAL})[ \t]*(?:{_BLOB})?[:\uff1a][ \t]*", re.IGNORECASE)
_TRAILER = re.compile(r"(?:[ \t]*\(fwd\))+\Z", re.IGNORECASE)
_LEADING_BLOB = re.compile(_BLOB)
_FORWARDED = re.compile(r"\[fwd:(.*)\]", re.IGNORECASE | re.DOTALL)
_SPACE = re.compile(r"\s+")

# Words that say nothing of the matter, folded: a subject of no others ties nothing together.
_GENERIC = frozenset(
    words_of(
        """
        a about all an and answer as at attached attachment attachments by call copy dear doc docs document documents
        email file files fw fwd for from good hello help hey hi important in info information invoice invoices it letter
        mail meeting message my new news no none note of offer ok on order our payment pdf photo photos picture please
        question questions quick re reminder reply report request scan scanned scans statement statements subject thank
        thanks test the this to today tomorrow update urgent with you your anexa anexe atasament atasamente atasat
        atasata atasate bon buna cerere confirmare contract cu de despre din documente extras extrase factura facturi
        fisier fisiere intalnire intrebare intrebari la mesaj multumesc oferta pentru plata poza poze raspuns raport rog
        salut scanare scanat si solicitare subiect urgenta va ziua anfrage anhang antwort bitte danke datei dateien
        dokument dokumente frage fragen guten hallo ihre ihr nachricht rechnung rechnungen tag termin unterlagen wichtig
        bonjour demande facture factures fichier merci rendez reponse vous ciao documenti documento domanda fattura
        fatture grazie richiesta adjunto adjuntos consulta documentos facturas gracias hola pregunta saludos dokumentum
        kerdes koszonom szamla udvozlet
        """
    )
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a subject says."""

    base: str  # one line, as it was written
    answers: bool  # something in front of it says that it answers or passes on


@dataclass(frozen=True, slots=True)
class Other:
    """A message of the same topic that the client's record has, with its thread."""

    thread: int
    facts: HeaderFacts


def base_subject(subject: str) -> Told:
    """Take off marks of answers and forwards, names of lists and cases in brackets, and trailers (RFC 5256 2.1)."""
    text, answers = _SPACE.sub(" ", subject).strip(), False
    for _ in range(MAX_ROUNDS):
        before = text
        text = _without_trailer(text)
        reply = _REPLY.match(text)
        if reply:
            text, answers = text[reply.end() :], True
        blob = _LEADING_BLOB.match(text)
        if blob and blob.end() < len(text):
            text = text[blob.end() :]
        whole = _FORWARDED.fullmatch(text)
        if whole:
            text, answers = whole[1].strip(), True
        if text == before:
            break
    return Told(text, answers)


def _without_trailer(text: str) -> str:
    return _TRAILER.sub("", text).rstrip() if text[-5:].lower() == "(fwd)" else text.rstrip()


def topic_of(subject: str) -> str:
    """What is compared: the base subject's words, folded; empty where they would fit any letter."""
    words = words_of(base_subject(subject).base)
    telling = [word for word in words if word not in _GENERIC]
    return " ".join(words)[:MAX_TOPIC] if len("".join(telling)) >= MIN_LETTERS else ""


def by_subject(facts: HeaderFacts, others: Sequence[Other]) -> int | None:
    """Choose the thread of the message that is nearest in time among those that it goes on with; None where none is.

    ``others`` have its topic already; the rest is asked here, the same whichever of two was filed first.
    """
    near = [(_apart(facts, one.facts), one.thread) for one in others if _goes_on(facts, one.facts)]
    return min(near)[1] if near else None


def _goes_on(one: HeaderFacts, other: HeaderFacts) -> bool:
    if one.date is None or other.date is None or not _same_people(one, other) or not _same_case(one, other):
        return False
    later = one if one.date >= other.date else other
    within = ANSWER_WITHIN if base_subject(later.subject).answers else REPEAT_WITHIN
    return _apart(one, other) <= within


def _apart(one: HeaderFacts, other: HeaderFacts) -> timedelta:
    return abs(_moment(one) - _moment(other))


def _moment(facts: HeaderFacts) -> datetime:
    assert facts.date is not None
    return facts.date


def _same_people(one: HeaderFacts, other: HeaderFacts) -> bool:
    """All of the one are among those of the other."""
    mine, theirs = frozenset(one.people), frozenset(other.people)
    return min(len(mine), len(theirs)) >= MIN_PEOPLE and (mine <= theirs or theirs <= mine)


def _same_case(one: HeaderFacts, other: HeaderFacts) -> bool:
    """Cases and clients stand in brackets, which the base subject leaves out: two of them are two matters."""
    mine, theirs = _blobs(one.subject), _blobs(other.subject)
    return not mine or not theirs or bool(mine & theirs)


def _blobs(subject: str) -> frozenset[str]:
    return frozenset(found.casefold() for found in re.findall(r"\[([^\[\]:]+)\]", subject) if not found.isdigit())
