"""The small changes that a test must notice, made in the syntax tree of one module.

Left alone is what decides nothing: annotations, docstrings, texts for people, ``__repr__``,
``__slots__`` and log lines.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
}
_ARITHMETIC: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),
    ast.Div: ast.Mult(),
    ast.BitAnd: ast.BitOr(),
    ast.BitOr: ast.BitAnd(),
}
_CALLS = {"any": "all", "all": "any", "min": "max", "max": "min"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_UNMUTATED = frozenset({"__repr__", "__str__", "__slots__", "__all__", "__match_args__"})
_LOGS = frozenset({"logger", "log", "logging", "warnings"})


@dataclass(frozen=True)
class Mutant:
    """One change of one module. ``module``, ``function`` and ``text`` name it, lines do not.

    Attributes:
        lines: the first and the last line of the statement that is changed.
        in_body: whether a function's body is changed, and not what runs when it is imported.

    """

    module: str
    function: str
    text: str
    lines: tuple[int, int]
    in_body: bool
    _tree: ast.Module
    _parent: ast.AST
    _field: str
    _index: int | None
    _new: ast.AST

    @property
    def name(self) -> tuple[str, str, str]:
        """What it is known by, wherever the module's lines move."""
        return self.module, self.function, self.text

    def tree(self) -> ast.Module:
        """Return the syntax tree of the changed module, with the lines of the original."""
        value = getattr(self._parent, self._field)
        old = value if self._index is None else value[self._index]
        self._put(ast.copy_location(self._new, old))
        try:
            return ast.fix_missing_locations(copy.deepcopy(self._tree))
        finally:
            self._put(old)

    def _put(self, node: ast.AST) -> None:
        if self._index is None:
            setattr(self._parent, self._field, node)
        else:
            getattr(self._parent, self._field)[self._index] = node


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Return all mutants of a module, in the order of its text."""
    return list(_Walk(module, ast.parse(source)).mutants())


class _Walk:
    def __init__(self, module: str, tree: ast.Module) -> None:
        self._module = module
        self._tree = tree
        self._seen: Counter[tuple[str, str]] = Counter()

    def mutants(self) -> Iterator[Mutant]:
        return self._below(self._tree, "", self._tree, in_body=False)

    def _below(
        self, parent: ast.AST, function: str, statement: ast.AST, *, in_body: bool
    ) -> Iterator[Mutant]:
        for field, value in ast.iter_fields(parent):
            if field in ("annotation", "returns", "decorator_list", "type_params", "ctx"):
                continue
            runs = in_body
            if isinstance(parent, _FUNCTIONS):
                runs = field == "body" or in_body
            elif isinstance(parent, ast.Lambda):
                runs = in_body or field == "body"
            for index, node in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(node, ast.AST) or _is_silent(node):
                    continue
                at = index if isinstance(value, list) else None
                inner = statement
                if isinstance(node, ast.stmt | ast.ExceptHandler):
                    inner = node
                for new, text in _changes(node):
                    yield self._mutant(function, inner, runs, (parent, field, at), new, text)
                named = isinstance(node, (*_FUNCTIONS, ast.ClassDef))
                name = f"{function}.{node.name}".lstrip(".") if named else function
                yield from self._below(node, name, inner, in_body=runs)

    def _mutant(
        self,
        function: str,
        statement: ast.AST,
        in_body: bool,
        place: tuple[ast.AST, str, int | None],
        new: ast.AST,
        text: str,
    ) -> Mutant:
        self._seen[function, text] += 1
        number = self._seen[function, text]
        text = text if number == 1 else f"{text} (number {number})"
        lines = _head_lines(statement)
        return Mutant(self._module, function, text, lines, in_body, self._tree, *place, new)


def _head_lines(statement: Any) -> tuple[int, int]:
    """Return the lines of a statement, without those of the block below it."""
    first = getattr(statement, "lineno", 1)
    body = getattr(statement, "body", None)
    if isinstance(body, list) and body and first < body[0].lineno:
        return first, body[0].lineno - 1
    return first, getattr(statement, "end_lineno", first)


def _is_silent(node: ast.AST) -> bool:
    """Whether nothing below it decides anything."""
    match node:
        case ast.FunctionDef(name=name) if name in _UNMUTATED:
            return True
        case ast.Assign(targets=[ast.Name(id=name)]) if name in _UNMUTATED:
            return True
        case ast.Expr(value=ast.Constant()) | ast.JoinedStr() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            return name in _LOGS
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Assert():
            return True
        case ast.Call(func=ast.Name(id="cast" | "TypeVar" | "ParamSpec")):
            return True
    return False


def _changes(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    for new in _replacements(node):
        after = "pass" if isinstance(new, ast.Pass) else ast.unparse(new)
        before = ast.unparse(node)
        if isinstance(node, ast.If | ast.While) and isinstance(new, ast.If | ast.While):
            before, after = ast.unparse(node.test), ast.unparse(new.test)
            after = f"{after} in {type(node).__name__.lower()}"
        elif isinstance(node, ast.ExceptHandler) and isinstance(new, ast.ExceptHandler):
            before, after = (f"except {ast.unparse(each.type)}" for each in (node, new))
        if before != after:
            yield new, f"{before} -> {after}"


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for index, op in enumerate(ops):
                changed = [*ops[:index], _COMPARISONS[type(op)], *ops[index + 1 :]]
                yield ast.Compare(left, changed, comparators)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for index in range(len(values)):
                kept = [*values[:index], *values[index + 1 :]]
                yield kept[0] if len(kept) == 1 else ast.BoolOp(op, kept)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            yield ast.BinOp(left, _ARITHMETIC[type(op)], right)
        case ast.If(body=body, orelse=orelse):
            for always in (True, False):
                yield ast.If(ast.Constant(always), body, orelse)
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.Constant(value=value):
            yield from _other_constants(value)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in _ARITHMETIC:
            yield ast.AugAssign(target, _ARITHMETIC[type(op)], value)
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.Expr() | ast.Raise() | ast.Delete():
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.ExceptHandler(type=ast.Tuple(elts=names), name=name, body=body):
            for index in range(len(names)):
                rest = ast.Tuple([*names[:index], *names[index + 1 :]], ast.Load())
                yield ast.ExceptHandler(rest, name, body)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in _CALLS:
            yield ast.Call(ast.Name(_CALLS[name], ast.Load()), args, keywords)


def _other_constants(value: Any) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    elif isinstance(value, str) and " " not in value.strip():  # others are texts for people
        yield ast.Constant(f"{value}x")
    elif isinstance(value, bytes):
        yield ast.Constant(value + b"x")
