"""Which folder is the one for sent mail."""

from __future__ import annotations

import pytest

from gateway.upstream.imap.folders import Folder, default_folders, followed, read_folder, sent_folder
from gateway.upstream.imap.parse import Listed


def folder(name: str, *flags: str, delimiter: str = "/") -> Folder:
    return Folder(name, delimiter, frozenset(flags))


def test_the_one_that_the_server_marks_wins_over_names() -> None:
    marked = folder("Ausgang", "\\HasNoChildren", "\\sent")
    assert sent_folder([folder("INBOX"), folder("Sent"), marked]) == marked


@pytest.mark.parametrize(
    "name",
    ["Sent", "sent items", "INBOX/Sent", "Gesendet", "Envoye\u0301s", "[Gmail]/Sent Mail", "送信済み"],
)
def test_without_marks_the_name_decides_in_any_language(name: str) -> None:
    assert sent_folder([folder("INBOX"), folder("Drafts"), folder(name)]) == folder(name)


def test_the_outermost_of_two_with_the_name_is_taken() -> None:
    assert sent_folder([folder("Old/Sent"), folder("Sent")]) == folder("Sent")


def test_a_name_that_only_holds_folders_is_not_taken() -> None:
    assert sent_folder([folder("Sent", "\\Noselect"), folder("INBOX")]) is None


def test_the_delimiter_is_the_servers() -> None:
    dotted = folder("INBOX.Sent", delimiter=".")
    assert sent_folder([dotted]) == dotted
    assert folder("a/Sent", delimiter="").leaf == "a/Sent"


def test_by_default_all_folders_are_tailed_but_drafts_junk_and_trash_in_any_language() -> None:
    there = ["Archiv", "Entwürfe", "Gesendet", "INBOX", "INBOX/Corbeille", "Kunden/Pacino", "Спам", "ゴミ箱"]
    marked = [folder("Ablage P", "\\Trash"), folder("Stern", "\\Flagged"), folder("Kunden", "\\Noselect")]
    assert default_folders([*map(folder, there), *marked]) == ("INBOX", "Gesendet", "Archiv", "Kunden/Pacino")


def test_a_folder_that_the_server_marks_as_something_else_is_not_taken_for_junk_by_its_name() -> None:
    assert default_folders([folder("INBOX"), folder("Trash", "\\Archive")]) == ("INBOX", "Trash")


def test_the_folders_that_the_settings_name_are_ordered_and_missing_ones_told() -> None:
    there = [folder("Sent"), folder("INBOX"), folder("A"), folder("B")]
    assert followed(there, ("B", "Sent", "gone", "inbox")) == (("INBOX", "Sent", "B"), ("gone",))
    assert followed(there, ()) == (("INBOX", "Sent", "A", "B"), ())


def test_where_there_is_a_folder_of_all_mail_it_alone_is_tailed() -> None:
    assert default_folders([folder("INBOX"), folder("[Gmail]/All Mail", "\\All")]) == ("[Gmail]/All Mail",)


def test_a_name_in_raw_UTF_8_is_still_shown() -> None:
    found = read_folder(Listed((), "/", "Gelöscht".encode()))
    assert found is not None
    assert found.name == "Gelöscht"


@pytest.mark.parametrize("name", [b"a\r\nA1 DELETE INBOX", b"a\0b", b""])
def test_I11_a_name_that_no_command_can_carry_is_left_out(name: bytes) -> None:
    assert read_folder(Listed((), "/", name)) is None


def test_inbox_is_INBOX_in_any_case() -> None:
    found = read_folder(Listed((), "/", b"Inbox"))
    assert found is not None
    assert found.name == "INBOX"
