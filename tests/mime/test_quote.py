"""Where a reply's quoted text begins, in the words of many programs and languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.encoding import decode_transfer
from gateway.mime.quote import html_quote_start, text_quote_start
from gateway.mime.tree import parts
from tests.corpus import CORPUS, corpus_replies, needs_corpus

ATTRIBUTIONS = [
    "On Tue, 3 Mar 2026 at 10:02, Al Pacino <al@pacino.example> wrote:",
    "On Tue, 3 Mar 2026 at 10:02, Al Pacino\r\n<al@pacino.example>\r\nwrote:",
    "Am 03.03.2026 um 10:02 schrieb Al Pacino:",
    "Le mar. 3 mars 2026 à 10:02, Al Pacino <al@pacino.example> a écrit :",
    "El mar, 3 mar 2026 a las 10:02, Al Pacino (<al@pacino.example>) escribió:",
    "Il giorno mar 3 mar 2026 alle ore 10:02 Al Pacino <al@pacino.example> ha scritto:",
    "Em ter., 3 de mar. de 2026 às 10:02, Al Pacino <al@pacino.example> escreveu:",
    "Op di 3 mrt 2026 om 10:02 schreef Al Pacino <al@pacino.example>:",
    "W dniu 03.03.2026 o 10:02, Al Pacino pisze:",
    "Pe mar., 3 mar. 2026 la 10:02, Al Pacino <al@pacino.example> a scris:",
    "Den tis 3 mars 2026 kl 10:02 skrev Al Pacino <al@pacino.example>:",
    "03.03.2026, 10:02, Al Pacino <al@pacino.example>:",
    "вт, 3 мар. 2026 г. в 10:02, Al Pacino <al@pacino.example>:",
    "út 3. 3. 2026 v 10:02 odesílatel Al Pacino <al@pacino.example> napsal:",
    "-----Original Message-----\r\nFrom: Al",
    "-----Ursprüngliche Nachricht-----\r\nVon: Al",
    "---------- Forwarded message ---------\r\nFrom: Al",
    "________________________________\r\nFrom: Al <al@pacino.example>\r\nSent: Tuesday\r\nTo: Ana\r\nSubject: x\r\n",
    "De la: Al <al@pacino.example>\r\nTrimis: marți\r\nCătre: Ana\r\nSubiect: x\r\n",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_the_quote_begins_with_whoever_wrote(attribution: str) -> None:
    own = "Dear Al,\r\n\r\nyes: at 10:00.\r\n\r\n"
    assert text_quote_start(f"{own}{attribution}\r\n\r\n> quoted\r\n> more\r\n") == len(own)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no quote at all",
        "On the other hand, he wrote:\r\nthis.",
        "Here is what I wrote:\r\n- one\r\n- two\r\n",
        "From: our database, and\r\nnot from elsewhere.\r\n",
        "> quoted\r\n\r\nmy answer below\r\n",
        "On 3 Mar 2026, Al wrote:\r\n> one?\r\n\r\nyes\r\n\r\n> two?\r\n\r\nno\r\n",
        "----\r\na table\r\n----\r\n",
        "-- \r\nAna\r\n",
    ],
)
def test_without_a_quote_or_with_the_answer_below_it_the_text_goes_on(text: str) -> None:
    assert text_quote_start(text) == len(text)


def test_a_quoted_tail_without_words_above_is_a_quote() -> None:
    assert text_quote_start("yes\r\n\r\n> are you coming?\r\n") == len("yes\r\n\r\n")


@pytest.mark.parametrize(
    "quote",
    [
        '<div class="gmail_quote"><div class="gmail_attr">On 3 Mar',
        '<blockquote type="cite"><div>On 3 Mar 2026, Al wrote:</div>',
        '<BLOCKQUOTE style="x" TYPE=CITE>x',
        '<div id="appendonsend"></div><hr>',
        '<div id="divRplyFwdMsg" dir="ltr"><b>From:</b> Al',
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3pt"><p><b>From:</b>',
        '<div class="moz-cite-prefix">On 3 Mar 2026 Al wrote:</div><blockquote type="cite">x</blockquote>',
        '<div id="ydp1yahoo_quoted_2" class="yahoo_quoted">',
        '<p class="MsoNormal"><b><span>Von:</span></b> Al<br><b>Gesendet:</b> heute<br></p>',
        "<hr><b>From:</b> Al<br><b>Sent:</b> today<br>",
    ],
)
def test_the_containers_of_mail_programs_are_known(quote: str) -> None:
    own = '<html><body><!-- <div class="gmail_quote"> --><div>Hello</div>'
    assert html_quote_start(f"{own}{quote}</body></html>") == len(own)


@pytest.mark.parametrize(
    ("html", "rest"),
    [
        ("<p>x</p>", ""),
        ("<body><p>x</p></BODY ></html>", "</BODY ></html>"),
        ("<body>x</body><!-- </body> -->", "</body><!-- </body> -->"),
        ("<body>a <blockquote>indented</blockquote></body>", "</body>"),
        ("<body>İ<b>x</b></body>", "</body>"),
        ('<body><div class="moz-cite-prefix">x</div><blockquote type="cite">q</blockquote>mine</body>', "</body>"),
    ],
)
def test_without_a_quote_the_body_end_is_the_place(html: str, rest: str) -> None:
    assert html[html_quote_start(html) :] == rest


@given(st.text(alphabet=st.sampled_from("On 2026-1:>\r\n<b/blockquote>wrote@-_ From"), max_size=300))
def test_any_text_has_a_place(text: str) -> None:
    assert 0 <= text_quote_start(text) <= len(text)
    assert 0 <= html_quote_start(text) <= len(text)


NO_QUOTE = {  # name of the file, and why no quote is found: most hold none, the last ones are beyond us
    **dict.fromkeys(
        [
            *("correct_sig", "email_1", "email_15", "email_21", "email_5", "email_blackberry", "email_emoji"),
            *("email_german_3", "email_iphone", "email_not_a_signature", "email_not_a_signature_2"),
            *("email_multi_word_sent_from_my_mobile_device", "email_sent_from_my_not_signature"),
            *("email_tricky_11_double_signature", "email_tricky_13_timestamp_variations"),
            *(
                "email_tricky_16_unicode_signatures",
                "email_tricky_1_on_false_positive",
                "email_tricky_2_url_with_wrote",
            ),
            *("email_tricky_3_code_block", "email_tricky_4_from_in_body", "email_tricky_6_regards_in_sentence"),
            *("email_tricky_7_multiple_dashes", "email_tricky_8_sent_from_in_content", "email_with_regards"),
            *("sig_no_empty_line", "email_1_1", "email_1_5", "email_BlackBerry", "email_iPhone"),
            "email_sig_delimiter_in_middle_of_line",
        ],
        "nothing is quoted",
    ),
    **dict.fromkeys(["email_with_date_headers", "email_with_from_headers"], "a place-holder of that test suite"),
    **dict.fromkeys(
        ["email_2", "email_1_2", "email_tricky_18_inline_reply", "email_tricky_19_quote_without_header", "thunderbird"],
        "the answer stands below what it answers",
    ),
    "hotmail": "its HTML quotes with &gt; in one long line",
    "aol": "its HTML has no more than line breaks and header words",
}


def _start(text: str, *, html: bool) -> bool:
    text = text.rstrip()
    return (html_quote_start if html else text_quote_start)(text) < len(text.removesuffix("</html>").rstrip()) - len(
        "</body>"
    )


@pytest.mark.corpus
@needs_corpus
def test_real_replies_of_many_programs_and_languages_are_understood() -> None:
    missed, found = [], 0
    for path in corpus_replies():
        name = path.stem.split("__")[-1]
        raw = path.read_bytes()
        if path.suffix == ".eml":
            texts = [
                (decode_transfer(part.body(raw), part.encoding)[0].decode("utf-8", "replace"), part.content_type)
                for part in parts(raw)
                if part.content_type in {"text/plain", "text/html"}
            ]
        else:
            texts = [(raw.decode("utf-8", "replace"), "text/html" if path.suffix == ".html" else "text/plain")]
        for text, content_type in texts:
            if _start(text, html=content_type == "text/html"):
                found += 1
            elif name not in NO_QUOTE:
                missed.append(str(path.relative_to(CORPUS)))
    assert missed == []
    assert found > 85
