"""What others wrote reaches a terminal without its teeth, and pipes get lines that grep can use."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.cli import clean
from gateway.cli.paper import size
from tests.admin.house import CLIENT, House
from tests.cli.terminal import ask

DANGEROUS = {"Cc", "Cs", "Zl", "Zp"}
BIDI = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


@given(st.text())
@example("\x1b]0;title\x07")
@example("\u202etxt.exe")
@example("\ud800")
@example("\u0085\u2028\u2029")
def test_I3_a_line_is_one_line_and_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = clean.line(text)
    assert shown.isprintable() or not [one for one in shown if unicodedata.category(one) in DANGEROUS]
    assert not [
        one
        for one in shown
        if unicodedata.bidirectional(one) in {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
    ]
    shown.encode()


@given(st.text())
def test_a_block_keeps_its_lines_and_nothing_worse(text: str) -> None:
    shown = clean.block(text)
    assert not [one for one in shown if unicodedata.category(one) in DANGEROUS and one not in "\n\t"]


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs", "M"])))
def test_ordinary_words_in_any_script_stay_as_they_are(text: str) -> None:
    assert clean.line(text) == text


def test_sizes_are_for_people() -> None:
    assert [size(octets) for octets in (0, 999, 1500, 2_000_000, 3_500_000_000, 7 * 10**12)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "2.0 MB",
        "3.5 GB",
        "7.0 TB",
    ]


async def test_hostile_subjects_and_texts_are_shown_neutralised(house: House) -> None:
    number = await house.file()
    for terminal in (False, True):
        for arguments in (
            ("mail", "list", "--client", CLIENT),
            ("mail", "list", "--client", CLIENT, "--json"),
            ("mail", "show", number),
            ("mail", "show", "--json", number),
        ):
            said = await ask(house.socket, *arguments, terminal=terminal)
            text = said.out.replace("\x1b[1m", "").replace("\x1b[0m", "")
            assert not [one for one in text if one in "\x1b\x07\u202e\x9b"], (terminal, arguments)


async def test_raw_bytes_are_neutralised_on_a_terminal_only(house: House) -> None:
    number = await house.file()
    assert b"\x1b" in (await ask(house.socket, "mail", "raw", number)).octets
    assert b"\x1b" not in (await ask(house.socket, "mail", "raw", number, terminal=True)).octets


async def test_markup_in_a_subject_is_not_obeyed(house: House) -> None:
    await house.happen("[bold red]not ours[/bold red] :smile:")
    said = await ask(house.socket, "feed", terminal=True)
    assert "[bold red]not ours[/bold red] :smile:" in " ".join(said.out.split())
