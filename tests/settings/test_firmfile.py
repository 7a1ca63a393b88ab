"""The firm's file: secrets resolved, files joined, every fault with its path."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from gateway.domain.errors import Faulty
from gateway.settings.firmfile import read
from gateway.settings.firmtables import MAX_IMAGE, MAX_SECRET

EXAMPLE = Path(__file__).parents[2] / "config" / "firm.toml"
PASSWORDS = {
    "ANA_PASSWORD": "ana's",
    "ION_PASSWORD": "ion's",
    "SUPPORT_PASSWORD": "support's",
    "ANA_MAILBOX_PASSWORD": "box's",
}


def written(folder: Path, text: str, name: str = "firm.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def faults_in(folder: Path, text: str, environ: dict[str, str] | None = None) -> dict[str, str]:
    with pytest.raises(Faulty) as refused:
        read([written(folder, text)], environ or {})
    return {fault.path: fault.sentence for fault in refused.value.faults}


def noun(document: dict[str, object], kind: str, number: int = 0) -> dict[str, object]:
    nouns = document[kind]
    assert isinstance(nouns, list)
    found = nouns[number]
    assert isinstance(found, dict)
    return found


def test_the_example_in_config_is_read_with_its_secrets() -> None:
    document = read([EXAMPLE], PASSWORDS)
    assert noun(document, "member")["password"] == "ana's"
    assert noun(document, "mailbox", 1)["password"] == "box's"
    assert json.loads(json.dumps(document)) == document


def test_a_secret_comes_from_the_environment_a_file_a_credential_or_plain_text(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    written(tmp_path / "credentials", "from systemd\n", "box")
    written(tmp_path, " with spaces \n", "box.secret")
    text = """
    [[member]]
    password = { env = "A" }
    [[member]]
    password = { file = "box.secret" }
    [[mailbox]]
    password = { credential = "box" }
    [[mailbox]]
    password = "plain"
    fallback = { host = "relay.example", password = { env = "A" } }
    """
    environ = {"A": "from the environment", "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    document = read([written(tmp_path, text)], environ)
    assert noun(document, "member", 0)["password"] == "from the environment"
    assert noun(document, "member", 1)["password"] == " with spaces "
    assert noun(document, "mailbox", 0)["password"] == "from systemd"
    assert noun(document, "mailbox", 1)["password"] == "plain"
    assert noun(document, "mailbox", 1)["fallback"] == {"host": "relay.example", "password": "from the environment"}


def test_secrets_that_are_not_there_are_faults_all_at_once(tmp_path: Path) -> None:
    written(tmp_path, "", "empty.secret")
    written(tmp_path, "x" * (MAX_SECRET + 1), "huge.secret")
    (tmp_path / "binary.secret").write_bytes(b"\xff\xff")
    references = ['{ env = "NONE" }', '{ file = "none.secret" }', '{ credential = "none" }', '{ vault = "x" }', "{}"]
    references += [f'{{ file = "{name}.secret" }}' for name in ("empty", "huge", "binary")]
    text = "".join(f"[[member]]\npassword = {reference}\n" for reference in references)
    faults = faults_in(tmp_path, text)
    sentences = [faults[f"member[{number}].password"] for number in range(len(references))]
    expected = ["NONE is not set", "No such file", "LoadCredential=", "{ env", "{ env", "empty", "larger", "UTF-8"]
    assert [want in got for want, got in zip(expected, sentences, strict=True)] == [True] * len(expected)


@pytest.mark.parametrize("name", ["../box", "/etc/passwd", "..", "."])
def test_a_credential_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    text = f'[[member]]\npassword = {{ credential = "{name}" }}'
    faults = faults_in(tmp_path, text, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert "there is no credential" in faults["member[0].password"]


def test_no_fault_shows_a_secret(tmp_path: Path) -> None:
    (tmp_path / "bad.secret").write_bytes(b"canary\xff")
    faults = faults_in(tmp_path, '[[member]]\npassword = { file = "bad.secret" }')
    assert "canary" not in str(faults)


def test_a_signature_may_lie_in_files_and_its_pictures_are_packed(tmp_path: Path) -> None:
    written(tmp_path, "<b>{{ member.name }}</b>", "sig.html")
    (tmp_path / "logo.PNG").write_bytes(b"\x89PNG")
    text = """
    [[signature]]
    name = "s"
    text = "-- "
    html = { file = "sig.html" }
    images = { logo = "logo.PNG" }
    """
    document = read([written(tmp_path, text)], {})
    signature = noun(document, "signature")
    assert signature["html"] == "<b>{{ member.name }}</b>"
    picture = {"content_type": "image/png", "base64": base64.b64encode(b"\x89PNG").decode()}
    assert signature["images"] == {"logo": picture}
    exported = written(tmp_path, json.dumps(document), "again.json")
    assert json.loads(exported.read_text()) == document


def test_pictures_that_no_mail_program_shows_or_that_are_too_large_are_faults(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"x" * (MAX_IMAGE + 1))
    text = '[[signature]]\nimages = { a = "logo.png", b = "logo.exe", c = "none.gif" }\nhtml = { path = "x" }'
    faults = faults_in(tmp_path, text)
    assert "larger" in faults["signature[0].images.a"]
    assert ".png" in faults["signature[0].images.b"]
    assert "No such file" in faults["signature[0].images.c"]
    assert '{ file = "PATH" }' in faults["signature[0].html"]


def test_files_are_joined_in_their_order(tmp_path: Path) -> None:
    first = written(tmp_path, '[firm]\nname = "F"\n[[client]]\nname = "A"', "a.toml")
    second = written(tmp_path, '[[client]]\nname = "B"\n[[member]]\nlogin = "ana"', "b.toml")
    document = read([first, second], {})
    assert document == {"firm": {"name": "F"}, "client": [{"name": "A"}, {"name": "B"}], "member": [{"login": "ana"}]}


def test_what_two_files_both_say_is_a_fault_that_names_the_second(tmp_path: Path) -> None:
    first = written(tmp_path, '[firm]\nname = "F"', "a.toml")
    second = written(tmp_path, '[firm]\nname = "G"\n[[member]]\npassword = { env = "NONE" }', "b.toml")
    with pytest.raises(Faulty) as refused:
        read([first, second, tmp_path / "none.toml"], {})
    paths = [fault.path for fault in refused.value.faults]
    assert paths == ["b.toml: member[0].password", "b.toml: firm", "none.toml"]
