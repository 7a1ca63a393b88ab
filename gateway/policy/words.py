"""Text as words, the same for every database: case, accents and the ways to write a letter make no difference."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

MAX_WORD = 40  # characters; what is longer is cut on both sides: no word of a language, but keys and identifiers

# Letters that carry no mark which Unicode could take off, as people type them who lack the key.
_PLAIN = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "ħ": "h",
    "ı": "i",
    "ŧ": "t",
    "ŋ": "n",
    "ĸ": "k",
}


class _Folding(dict[int, str]):
    """What becomes of a character once it was taken apart; found when it is first met: a start must be quick."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        self[code] = "" if unicodedata.category(letter) == "Mn" else _PLAIN.get(letter, letter)
        return self[code]


_FOLD = _Folding()
# Vowel signs of Indian scripts that take room of their own: parts of words, though no letters.
_SIGNS = "".join(chr(c) for c in range(0x900, 0x1100) if unicodedata.category(chr(c)) == "Mc")
# Scripts without spaces between words: each character is one, and what is asked for is a phrase of them.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_WORD = re.compile(rf"[{_DENSE}](?<=\w)|(?:(?![{_DENSE}])(?:[^\W_]|[{_SIGNS}]))+")
_WRITTEN = re.compile(r"\S+")


def folded(text: str) -> str:
    """Without case, accents and compatibility forms: ``Ștefan``, ``ştefan`` and ``STEFAN`` become ``stefan``."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", plain).translate(_FOLD))


def words_of(text: str) -> list[str]:
    """Words in their order, folded; letters and digits only, so that no search engine reads anything into them."""
    plain = folded(text)
    found: list[str] = (_ASCII_WORD if plain.isascii() else _WORD).findall(plain)
    if len(max(found, key=len, default="")) > MAX_WORD:
        return [word[:MAX_WORD] for word in found]
    return found


def written(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each run of characters between white space: where it begins, and its words."""
    for match in _WRITTEN.finditer(text):
        yield match.start(), words_of(match[0])
