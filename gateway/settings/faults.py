"""Turns what pydantic and the TOML reader complain about into faults that a person can act on."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from gateway.domain.errors import Fault, Faulty

_SENTENCES = {
    "missing": "is missing",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "list_type": "must be a list in [ ]",
    "tuple_type": "must be a list in [ ]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "string_pattern_mismatch": "holds a character that it may not hold",
}


class Table(BaseModel):
    """A table of a settings file: frozen, strict about types, and every key known."""

    # Built when one is first read: the firm's tables, most of them, are not at a start.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True)


def path_of(location: Iterable[int | str]) -> str:
    """``("submission", "listen", 0)`` as ``submission.listen[0]``."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def faults_of(error: ValidationError, model: type[BaseModel], prefix: tuple[int | str, ...]) -> list[Fault]:
    """Every fault that pydantic found, in its order; no sentence shows the value that was refused."""
    details = error.errors(include_url=False, include_input=False)
    return [Fault(path_of((*prefix, *detail["loc"])), _sentence(detail, model)) for detail in details]


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Say that a key means nothing here, and which one was probably meant."""
    candidates = list(known)
    close = difflib.get_close_matches(key, candidates, n=1)
    hint = f'did you mean "{close[0]}"?' if close else "known here: " + ", ".join(sorted(candidates))
    return f"unknown key; {hint}"


def read_toml(path: Path) -> dict[str, object]:
    """Read a TOML file; Faulty when it can't be read or is no TOML."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        sentence = f"can't be read: {error.strerror or error}"
    except UnicodeDecodeError:
        sentence = "is not UTF-8 text"
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        sentence = f"is not valid TOML: {error}"
    raise Faulty(str(path), [Fault(path.name, sentence)])


def _sentence(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        return unknown_key(str(detail["loc"][-1]), _fields_at(model, detail["loc"][:-1]))
    if detail["type"] == "value_error":
        return str(detail.get("ctx", {}).get("error", detail["msg"]))
    if detail["type"] in {"literal_error", "enum"}:
        return f"must be one of {detail['ctx']['expected']}"
    message = detail["msg"]
    return _SENTENCES.get(detail["type"], message[:1].lower() + message[1:])


def _fields_at(model: type[BaseModel], location: Iterable[int | str]) -> Mapping[str, object]:
    for step in location:
        if isinstance(step, str) and step in model.model_fields:
            model = _table_in(model.model_fields[step].annotation) or model
    return model.model_fields


def _table_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _table_in(inner):
            return found
    return None
