"""Real replies of many mail programs and languages: where the signature goes is where a person would put it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.mime.encoding import decode_transfer
from gateway.mime.htmlquote import html_quote
from gateway.mime.page import Page
from gateway.mime.quote import text_quote_start
from gateway.mime.tree import parts
from tests.corpus import CORPUS, corpus_replies, needs_corpus

pytestmark = [pytest.mark.corpus, needs_corpus]

QUOTE_LINES = {  # folder and file: the line, from 1, that the quote with its attribution begins at
    **{f"crisp/email_{number}": 7 for number in (*range(7, 9), *range(10, 15), 16, 17, 18, 22, 23, 24, 25, 26, 3)},
    **dict.fromkeys(["crisp/email_20", "crisp/email_4", "crisp/email_thread", "crisp/email_unquoted_reply"], 3),
    **dict.fromkeys(["crisp/email_19", "crisp/email_6", "crisp/email_customer_quote_header_2"], 5),
    **dict.fromkeys(["crisp/email_customer_quote_header_3", "crisp/email_tricky_20_html_entities"], 5),
    **dict.fromkeys(["crisp/email_custom_quote_header", "crisp/email_tricky_17_forward_header"], 3),
    **dict.fromkeys(["crisp/email_2_1", "crisp/email_sent_from", "crisp/email_zoho"], 4),
    **dict.fromkeys(["crisp/email_en_multiline_2", "crisp/email_ios_outlook", "crisp/email_ios_outlook_fr"], 8),
    **dict.fromkeys(["crisp/email_msn", "crisp/email_tricky_12_no_space_after_header"], 6),
    **{
        f"crisp/email_{name}": 7
        for name in (
            *("danish_dash_separator", "finnish", "fr_multiline", "french_2", "french_dash_separator", "german"),
            *("german_2", "german_outlook", "gmail_split_line_from", "italian", "norwegian_gmail", "original_message"),
            *("original_message_2", "outlook_split_line_from", "portuguese", "russian", "one_is_not_on"),
            *("tricky_10_special_chars_in_name", "tricky_14_long_quote_header", "tricky_5_mixed_languages"),
            "tricky_15_original_message_variations",
        )
    },
    "crisp/email_9": 9,
    "crisp/email_bullets": 12,
    "crisp/email_reply_header": 13,
    "crisp/email_tricky_9_nested_quotes": 3,
    **dict.fromkeys(["zapier/email_1_4", "zapier/email_1_7", "zapier/email_2_3", "zapier/pathological"], 3),
    **dict.fromkeys(["zapier/email_1_3", "zapier/email_one_is_not_on"], 7),
    **dict.fromkeys(["zapier/email_partial_quote_header", "zapier/greedy_on"], 8),
    **dict.fromkeys(["zapier/email_1_6", "zapier/email_gmail"], 5),
    "zapier/email_2_1": 4,
    "zapier/email_2_2": 2,
    "zapier/email_bullets": 12,
    "zapier/email_headers_no_delimiter": 3,
    **dict.fromkeys(["talon/android", "talon/apple_mail_2"], 2),
    **dict.fromkeys(["talon/apple_mail", "talon/comcast", "talon/gmail", "talon/outlook"], 3),
    **dict.fromkeys(["talon/hotmail", "talon/yahoo"], 4),
    **dict.fromkeys(["talon/aol", "talon/iphone", "talon/reply-quotations-share-block"], 5),
    "talon/sparrow": 8,
}
ANSWERED_BELOW = {  # the answers stand between or below the quotes: the line behind the last answer
    "crisp/email_2": 36,
    "zapier/email_1_2": 36,
    "zapier/email_1_8": 21,
    "crisp/email_tricky_18_inline_reply": 14,
    "crisp/email_tricky_19_quote_without_header": 14,
    "talon/thunderbird": 3,
}
QUOTED_HTML = {  # the end of the author's own words, and the beginning of what is not theirs
    "OLK_SRC_BODY_SECTION": ("Reply</div>", "From:"),
    "gmail": ("Alex</div>", "On Thu, Jun 26"),
    "hotmail": ("Alex<br>", "Date: Thu"),
    "mail_ru": ("Alex</p>", "Thu, 26 Jun"),
    "ms_outlook_2003": ("Alex<o:p>", "From:"),
    "ms_outlook_2007": ("Alex<o:p>", "From:"),
    "ms_outlook_2010": ("Alex<o:p>", "rom:"),
    "thunderbird": ("Alex<br>", "On 26.06"),
    "windows_mail": ("Alex<br>", "От:"),
    "yandex_ru": ("Alex<br", "26.06.2014"),
    "reply-quotations-share-block": ("Jhon Doe<BR>", "--- On"),
    "reply-separated-by-hr": ("Bob", "From: "),
}
QUOTED_HTML_OF_MAIL = {
    "android": ("Hello</p>", "02.04.2012"),
    "aol": ("Hello<br>", "-----Original"),
    "comcast": ("Hello<br>", "From: "),
    "gmail": ("Hello<br>", "On Mon"),
    "hotmail": ("Hello<br>", "&gt; Subject"),
    "outlook": ("Follow up MIME!", "From:"),
    "reply-quotations-share-block": ("Jhon Doe<BR>", "--- On"),
    "sparrow": ("Hello", "On Tuesday"),
}


def _name(path: Path) -> str:
    return path.stem.split("__")[-1]


def _texts(path: Path, content_type: str) -> list[str]:
    raw = path.read_bytes()
    if path.suffix == ".eml":
        found = [part for part in parts(raw) if part.content_type == content_type]
        return [decode_transfer(part.body(raw), part.encoding)[0].decode("utf-8", "replace") for part in found]
    html = path.suffix == ".html"
    return [raw.decode("utf-8", "replace")] if html == (content_type == "text/html") else []


def _plain() -> list[Path]:
    return [path for path in corpus_replies() if _texts(path, "text/plain")]


def _html() -> list[Path]:
    return [path for path in corpus_replies() if _texts(path, "text/html")]


@pytest.mark.parametrize("path", _plain(), ids=lambda path: f"{path.parent.name}/{_name(path)}")
def test_the_quote_of_a_plain_reply_begins_at_its_line(path: Path) -> None:
    key = f"{path.parent.name}/{_name(path)}"
    text = _texts(path, "text/plain")[0]
    start = text_quote_start(text)
    expected = QUOTE_LINES.get(key) or ANSWERED_BELOW.get(key)
    if expected is None:
        assert not text[start:].strip(), "nothing is quoted here"
    else:
        assert text.count("\n", 0, start) + 1 == expected
        assert start == 0 or text[start - 1] == "\n" or start == len(text)


@pytest.mark.parametrize("path", _html(), ids=lambda path: f"{path.suffix[1:]}/{_name(path)}")
def test_the_quote_of_an_html_reply_begins_between_the_authors(path: Path) -> None:
    html = _texts(path, "text/html")[0]
    own, quoted = (QUOTED_HTML_OF_MAIL if path.suffix == ".eml" else QUOTED_HTML)[_name(path)]
    start, lines = html_quote(Page.read(html))
    assert html.index(own) + len(own) <= start <= html.rindex(quoted)
    assert own.partition("<")[0] in " ".join(lines)
    assert quoted.partition("<")[0] not in " ".join(lines)


def test_the_table_names_files_that_are_there() -> None:
    plain = {f"{path.parent.name}/{_name(path)}" for path in _plain()}
    assert {*QUOTE_LINES, *ANSWERED_BELOW} <= plain
    assert len(QUOTE_LINES) > 70
    assert {_name(path) for path in _html()} == {*QUOTED_HTML, *QUOTED_HTML_OF_MAIL}
    assert (CORPUS / "replies").is_dir()
