"""Fills the firm's templates (signatures, display names): jinja2, cut down to what can neither run nor grow wild."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from jinja2 import ChainableUndefined, Template, TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment

from gateway.domain.errors import Fault, Faulty

MAX_TEMPLATE = 262_144  # characters: a designer's HTML signature with its styles has a tenth of that
MAX_OUTPUT = 524_288  # characters: twice a template; it goes into every message
MAX_VALUE = 2_000  # characters of one value: longer ones are cut, nobody's name or address is
EMPTY = "\0"  # stands where a variable was empty until the lines of nothing else are dropped; values can't hold it

WRONG = "A template of the firm is wrong, so this waits until an administrator puts it right"

_BREAK = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")  # a value is one line: it may not begin one of its own
_HALF = re.compile("[\ud800-\udfff]")  # half a character, which JSON can bring and no charset can write

Key = tuple[tuple[str, str | tuple[tuple[str, str], ...]], ...]

FILTERS = ("capitalize", "d", "default", "e", "escape", "lower", "title", "trim", "upper")
_STRUCTURE: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Filter,
    nodes.Keyword,
    nodes.If,
    nodes.CondExpr,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Compare,
    nodes.Operand,
    nodes.Concat,
)


class _Environment(SandboxedEnvironment):
    """Variables are looked up in the given mappings only: no attribute of any Python object is reachable."""

    def getattr(self, obj: object, attribute: str) -> object:
        return self.getitem(obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        if isinstance(obj, dict) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        return self.undefined(name=str(argument))


def _shown(value: object) -> object:
    return value if value is not None and str(value) else EMPTY


def _environment(*, html: bool) -> _Environment:
    environment = _Environment(
        autoescape=html, undefined=ChainableUndefined, finalize=_shown, keep_trailing_newline=True, cache_size=0
    )
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.globals = {}
    environment.tests = {"defined": environment.tests["defined"]}
    return environment


_TEXT = _environment(html=False)
_HTML = _environment(html=True)


def fill(template: str, values: Mapping[str, object], *, html: bool = False) -> str:
    """The template with its variables filled in from nested mappings of strings; values are never read as templates.

    An unknown variable is empty. A line that holds nothing but empty variables is dropped. With ``html`` values are
    escaped. Raises Faulty when the template is wrong or what comes out is longer than MAX_OUTPUT.
    """
    return _filled(template, _key(values), html)


@lru_cache(maxsize=256)  # of few members to few clients: most mail of a firm is filled in as the one before
def _filled(template: str, key: Key, html: bool) -> str:
    try:
        filled = _compiled(template, html).render(
            {name: dict(value) if isinstance(value, tuple) else value for name, value in key}
        )
    except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
        raise Faulty(WRONG, [Fault("", f"can't be filled in: {error}")]) from error
    if len(filled) > MAX_OUTPUT:
        raise Faulty(WRONG, [Fault("", f"gives more than {MAX_OUTPUT} characters")])
    if EMPTY not in filled:
        return filled
    lines = filled.split("\n")
    kept = [line for line in lines if EMPTY not in line or line.replace(EMPTY, "").strip()]
    return "\n".join(kept).replace(EMPTY, "")


def template_fault(template: str) -> str | None:
    """What is wrong with the template, as a sentence; None for a sound one."""
    try:
        _compiled(template, False)
    except Faulty as error:
        return error.faults[0].sentence
    return None


@lru_cache(maxsize=256)
def _compiled(template: str, html: bool) -> Template:
    environment = _HTML if html else _TEXT
    if len(template) > MAX_TEMPLATE:
        raise Faulty(WRONG, [Fault("", f"is longer than {MAX_TEMPLATE} characters")])
    if EMPTY in template:
        raise Faulty(WRONG, [Fault("", "holds a NUL character")])
    if _HALF.search(template):
        raise Faulty(WRONG, [Fault("", "holds half a character: write it again")])
    try:
        tree = environment.parse(template)
        strange = next((node for node in tree.find_all(nodes.Node) if not _is_plain(node)), None)
        if strange is not None:
            what = type(strange).__name__.lower()
            raise Faulty(WRONG, [Fault("", f"line {strange.lineno}: {what} can't be used in a template here")])
        return environment.from_string(tree)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise Faulty(WRONG, [Fault("", (f"line {line}: " if line else "") + str(error))]) from error
    except (RecursionError, SyntaxError, MemoryError) as error:
        raise Faulty(WRONG, [Fault("", "is nested too deeply")]) from error


def _is_plain(node: nodes.Node) -> bool:
    """Whether the part can do nothing but show and choose; ``self`` would be the template as an object."""
    return isinstance(node, _STRUCTURE) and not (isinstance(node, nodes.Name) and node.name == "self")


def _key(values: Mapping[str, object]) -> Key:
    """The values as they may be shown, and hashable."""
    return tuple(
        (name, _inner(value) if isinstance(value, Mapping) else _plain(value)) for name, value in values.items()
    )


def _inner(values: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _plain(value)) for name, value in values.items())


def _plain(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a template takes text, not {type(value).__name__}")
    if value.isascii() and value.isprintable():
        return value[:MAX_VALUE]
    return _BREAK.sub(" ", _HALF.sub("\ufffd", value.replace(EMPTY, "")))[:MAX_VALUE]
