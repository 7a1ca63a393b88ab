"""Replaces what the firm's file only points at (secrets, signature files, pictures) by what it points to."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from gateway.domain.errors import Fault
from gateway.settings.firmtables import MAX_IMAGE, MAX_SECRET, MAX_TEMPLATE

CREDENTIALS = "CREDENTIALS_DIRECTORY"  # systemd.exec(5), LoadCredential
_IMAGE_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}


def resolve(document: dict[str, object], folder: Path, environ: Mapping[str, str]) -> list[Fault]:
    """Resolve every reference of ``document`` in place; one that can't be is left, and a fault."""
    faults: list[Fault] = []

    def replace(table: dict[str, object], key: str, path: str, value_of: Callable[[], object]) -> None:
        try:
            table[key] = value_of()
        except ValueError as error:
            faults.append(Fault(path, str(error)))

    for kind in ("member", "mailbox"):
        for path, noun in _tables(document, kind):
            for where, holder in ((path, noun), (f"{path}.fallback", noun.get("fallback"))):
                if isinstance(holder, dict) and isinstance(reference := holder.get("password"), dict):
                    replace(holder, "password", f"{where}.password", partial(_secret, reference, folder, environ))
    for path, noun in _tables(document, "signature"):
        for key in ("text", "html", "reply_text", "reply_html"):
            if isinstance(reference := noun.get(key), dict):
                replace(noun, key, f"{path}.{key}", partial(_template, reference, folder))
        images = noun.get("images")
        for name, value in list(images.items()) if isinstance(images, dict) else ():
            if isinstance(images, dict) and isinstance(value, str):
                replace(images, name, f"{path}.images.{name}", partial(_image, folder / value))
    return faults


def _tables(document: Mapping[str, object], kind: str) -> list[tuple[str, dict[str, object]]]:
    nouns = document.get(kind)
    if not isinstance(nouns, list):
        return []
    return [(f"{kind}[{number}]", noun) for number, noun in enumerate(nouns) if isinstance(noun, dict)]


def _secret(reference: Mapping[str, object], folder: Path, environ: Mapping[str, str]) -> str:
    match list(reference.items()):
        case [("env", str(name))]:
            if name not in environ:
                raise ValueError(f"the environment variable {name} is not set")
            return environ[name]
        case [("file", str(name))]:
            file = folder / name
        case [("credential", str(name))]:
            credentials = environ.get(CREDENTIALS)
            if not credentials or "/" in name or name in {".", ".."}:
                raise ValueError(f'there is no credential "{name}": systemd hands them over with LoadCredential=')
            file = Path(credentials) / name
        case _:
            raise ValueError('must be text, { env = "NAME" }, { file = "PATH" } or { credential = "NAME" }')
    return _text(file, MAX_SECRET).rstrip("\r\n")  # editors and echo end a file with a line break


def _template(reference: Mapping[str, object], folder: Path) -> str:
    match list(reference.items()):
        case [("file", str(name))]:
            return _text(folder / name, MAX_TEMPLATE)
        case _:
            raise ValueError('must be text or { file = "PATH" }')


def _image(file: Path) -> dict[str, object]:
    kind = _IMAGE_TYPES.get(file.suffix.lower())
    if kind is None:
        raise ValueError(f"{file} must end in one of {', '.join(sorted(_IMAGE_TYPES))}")
    return {"content_type": kind, "base64": base64.b64encode(_bytes(file, MAX_IMAGE)).decode("ascii")}


def _text(file: Path, limit: int) -> str:
    try:
        return _bytes(file, limit).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8 text") from None


def _bytes(file: Path, limit: int) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise ValueError(f"{file} can't be read: {error.strerror}") from error
    if not content or len(content) > limit:
        raise ValueError(f"{file} is " + (f"larger than {limit} octets" if content else "empty"))
    return content
