"""Directives that print the reference from the code's own tables, so that nothing stands twice."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx

from jwt_middleware import errors
from jwt_middleware.errors import ConfigurationError, RequestError
from jwt_middleware.events import kinds, sign_on_kinds
from jwt_middleware.middleware.settings import Options as OptionTypes
from jwt_middleware.options.catalogue import OPTIONS, WEAKENS, Option
from jwt_middleware.options.sources import ENVIRONMENT_PREFIX
from jwt_middleware.responses import Challenge, misconfigured, refusal_for
from jwt_middleware.tools.schemas import attributes_of

from . import public_names
from .commands import Commands
from .gateways import Claims, Gateways
from .printing import Reference, code, paragraph, sentence, table
from .schemas import SCHEMA_DIRECTIVES


class Options(Reference):
    """Every option: what it is, its type, its default, and where it may be given."""

    def run(self) -> list[nodes.Node]:
        """Print the list."""
        return [
            self.entries(
                (f"option-{name}", name, [_meaning(option), _form(name, option)])
                for name, option in OPTIONS.items()
            )
        ]


def _meaning(option: Option) -> str:
    weakens = " It weakens the check." if option.why_not == WEAKENS else ""
    return f"{sentence(option.about)}{weakens}"


def _form(name: str, option: Option) -> str:
    default = "" if option.default is None else f", by default ``{option.default!r}``"
    return f"``{_type_of(name)}``{default}; in {_places(name, option)}."


def _type_of(name: str) -> str:
    annotation: Any = OptionTypes.__annotations__[name]
    return getattr(annotation, "__forward_arg__", None) or str(annotation)


def _places(name: str, option: Option) -> str:
    toml = [] if option.shape is None else ["TOML"]
    variable = [] if option.from_text is None else [f"``{ENVIRONMENT_PREFIX}{name.upper()}``"]
    return ", ".join(["code", *toml, *variable])


class ErrorCodes(Reference):
    """Every code of a refusal: its status, when it is sent, and the way out."""

    def run(self) -> list[nodes.Node]:
        """Print the list."""
        codes = sorted(_codes(), key=lambda each: each.status)
        return [
            self.entries(
                (
                    f"error-{each.code}",
                    each.code,
                    [
                        f"{each.status}, ``{each.kind.__name__}``: {each.when}",
                        f"Way out: {each.way_out}",
                    ],
                )
                for each in codes
            )
        ]


class _Code(NamedTuple):
    code: str
    status: int
    kind: type
    when: str
    way_out: str


def _codes() -> Iterator[_Code]:
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, RequestError) and "code" in vars(kind):
            needed = [
                parameter
                for parameter in inspect.signature(kind).parameters.values()
                if parameter.default is parameter.empty
            ]
            refusal = refusal_for(kind(*("" for _ in needed)), Challenge())
            code_of = json.loads(refusal.body)["code"]
            yield _Code(code_of, refusal.status, kind, *_when_and_way_out(kind))
    answer = misconfigured(ConfigurationError())
    yield _Code(
        answer.code, answer.status, ConfigurationError, *_when_and_way_out(ConfigurationError)
    )


def _when_and_way_out(kind: type) -> tuple[str, str]:
    """Return the first paragraph of the docstring, and the one that names the way out."""
    first, *others = (inspect.getdoc(kind) or "").split("\n\n")
    way_out = [each.removeprefix(_WAY_OUT) for each in others if each.startswith(_WAY_OUT)]
    return " ".join(first.split()), " ".join("".join(way_out).split())


_WAY_OUT = "Way out: "


class Events(Reference):
    """Every audit event: its level and sentence in the log, and its fields."""

    def run(self) -> list[nodes.Node]:
        """Print a section for each event."""
        return [self._event(kind) for kind in _events()]

    def _event(self, kind: Any) -> nodes.section:
        section = self.section(f"event-{kind.__name__}", f"``{kind.__name__}``")
        first, *_ = (inspect.getdoc(kind) or "").split("\n\nAttributes:")
        section += [paragraph(" ".join(each.split())) for each in first.split("\n\n")]
        for level, template in _lines_of(kind):
            section += code(f"{level}  {template}")
        about = attributes_of(kind)
        rows = [
            [f"``{name}``", f"``{_type_in(kind, name)}``", about.get(name, "")]
            for name in kind._fields
        ]
        section += table(["field", "type", "meaning"], rows, [20, 25, 55])
        return section


def _events() -> list[Any]:
    return [
        kind
        for module in (kinds, sign_on_kinds)
        for kind in vars(module).values()
        if isinstance(kind, type)
        and kind.__module__ == module.__name__
        and hasattr(kind, "_fields")
        and hasattr(kind, "line")
    ]


_VARIANTS: dict[type, list[dict[str, Any]]] = {
    kinds.Decided: [
        {"allowed": True},
        {"allowed": False},
        {"allowed": True, "would_refuse": ("unknown_client",)},
    ],
    kinds.KeysFetched: [{"failures": 0}, {"failures": 1}],
    kinds.StoreFailed: [{"fail": "closed"}, {"fail": "open"}],
}
"""Values of the events whose level and sentence depend on them."""


def _lines_of(kind: Any) -> Iterator[tuple[str, str]]:
    if kind not in _VARIANTS:
        yield _named(kind.line)
        return
    for values in _VARIANTS[kind]:
        others = {name: "" for name in kind._fields if name not in kind._field_defaults}
        yield _named(kind(**{**others, **values}).line)


def _named(line: tuple[int, str]) -> tuple[str, str]:
    level, template = line
    return {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR"}[level], template


def _type_in(kind: Any, name: str) -> str:
    found = next(
        (vars(base).get("__annotations__", {}) for base in kind.__mro__ if name in _notes(base)),
        {},
    )
    annotation = found.get(name, "")
    return getattr(annotation, "__forward_arg__", None) or str(annotation)


def _notes(base: type) -> dict[str, Any]:
    notes: dict[str, Any] = vars(base).get("__annotations__", {})
    return notes


DIRECTIVES = {
    "options": Options,
    "error-codes": ErrorCodes,
    "events": Events,
    "commands": Commands,
    "claims": Claims,
    "gateways": Gateways,
    **SCHEMA_DIRECTIVES,
}


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directives, and those of the public names."""
    for name, directive in DIRECTIVES.items():
        app.add_directive(name, directive)
    public_names.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
