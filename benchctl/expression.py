"""Arithmetic over named numbers, such as `tps / p99`: parsed into a tree of our own, and worked out by it alone.

Numbers, names, + - * / and parentheses, and the functions in `FUNCTIONS`. A name may hold dots (`load.duration`); one
with other characters goes into double quotes (`"start-db.duration"`).
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from benchctl.template import did_you_mean

MOST_TOKENS = 200
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![\w.])"""
    r"""|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*|"[^"\\\n]+")"""
    r"""|(?P<sign>[-+*/(),]))""",
    re.ASCII,
)
_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.UAdd: "+",
    ast.USub: "-",
}
_TWO: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_ONE: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "sqrt": math.sqrt,
}
FUNCTIONS = ("min", "max", *_ONE)


class NotArithmetic(ValueError):
    """A text that is no such expression; says what is wrong in it."""


class NoResult(ValueError):
    """An expression that has no value for these numbers; says why."""


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class Operation:
    """An operator or function over its operands; `text` is what the user wrote."""

    symbol: str
    operands: tuple[Expression, ...]
    text: str


Expression = Number | Name | Operation


def parse(text: str) -> Expression:
    """The tree of an expression. Raises NotArithmetic."""
    tokens = list(_tokens(text))
    if not tokens:
        raise NotArithmetic("is empty; write one such as tps / p99")
    if len(tokens) > MOST_TOKENS:
        raise NotArithmetic(f"has {len(tokens)} parts; at most {MOST_TOKENS} are taken")
    placed = _Placeholders()
    source = "".join(placed.token(token) for token in tokens).strip()
    try:
        body = ast.parse(source, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise NotArithmetic(f"can't be read as arithmetic{_place(error, placed, source)}") from error
    return _Reader(source, placed).tree(body)


def names_in(expression: Expression) -> list[str]:
    """Every name in it, each once, in order."""
    return list(dict.fromkeys(_names(expression)))


def evaluate(expression: Expression, values: Mapping[str, float]) -> float:
    """Its value, a finite number. Raises NoResult, and LookupError for a name without a value."""
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Name):
        return values[expression.name]
    operands = [evaluate(operand, values) for operand in expression.operands]
    try:
        result = _applied(expression.symbol, operands)
    except ZeroDivisionError as error:
        raise NoResult(f"{expression.text} divides by zero") from error
    except OverflowError as error:
        raise NoResult(f"{expression.text} is too large") from error
    except ValueError as error:
        raise NoResult(f"{expression.text} is not defined for {operands[0]:g}") from error
    if not math.isfinite(result):
        raise NoResult(f"{expression.text} is too large")
    return result


def _applied(symbol: str, operands: list[float]) -> float:
    if symbol in ("min", "max"):
        return (min if symbol == "min" else max)(operands)
    if symbol in _ONE:
        return float(_ONE[symbol](operands[0]))
    if len(operands) == 1:
        return -operands[0] if symbol == "-" else operands[0]
    return _TWO[symbol](*operands)


def _names(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Name):
        yield expression.name
    if isinstance(expression, Operation):
        for operand in expression.operands:
            yield from _names(operand)


def _tokens(text: str) -> Iterator[re.Match[str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if not match:
            rest = text[at:].strip()
            raise NotArithmetic(f"can't be read from {rest[:20]!r} on; it may hold names, numbers, + - * / ( ) and ,")
        yield match
        at = match.end()


class _Placeholders:
    """Names as words that Python's parser takes for names whatever they hold, and back."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def token(self, token: re.Match[str]) -> str:
        space = " " if token[0][0].isspace() else ""
        if not token["name"]:
            return space + token[0].strip()
        self._names.append(token["name"].strip('"'))
        return f"{space}n{len(self._names) - 1}_"

    def name(self, word: str) -> str:
        return self._names[int(word[1:-1])]

    def text(self, source: str) -> str:
        """The user's words again."""
        return re.sub(r"n[0-9]+_", lambda match: self.name(match[0]), source)


def _place(error: BaseException, placed: _Placeholders, source: str) -> str:
    offset = getattr(error, "offset", None)
    rest = placed.text(source[offset - 1 :]) if offset else ""
    return f"; look at {rest[:20]!r}" if rest else "; something is missing at its end"


class _Reader:
    """Takes what is arithmetic from Python's tree, and refuses the rest."""

    def __init__(self, source: str, placed: _Placeholders) -> None:
        self._source = source
        self._placed = placed

    def tree(self, node: ast.expr) -> Expression:
        if isinstance(node, ast.Constant):
            return self._number(node)
        if isinstance(node, ast.Name):
            return Name(self._placed.name(node.id))
        if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
            return Operation(_OPERATORS[type(node.op)], (self.tree(node.operand),), self._text(node))
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            operands = (self.tree(node.left), self.tree(node.right))
            return Operation(_OPERATORS[type(node.op)], operands, self._text(node))
        if isinstance(node, ast.Call):
            return self._call(node)
        raise NotArithmetic(f"{self._text(node)!r} is no arithmetic; there are names, numbers, + - * / and functions")

    def _number(self, node: ast.Constant) -> Number:
        value = float(self._text(node))
        if not math.isfinite(value):
            raise NotArithmetic(f"{self._text(node)} is too large a number")
        return Number(value)

    def _call(self, node: ast.Call) -> Operation:
        function = self._text(node.func)
        if function not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            raise NotArithmetic(
                f"there is no function {function[:40]!r}. Functions: {known}.{did_you_mean(function, FUNCTIONS)}"
            )
        if function in _ONE and len(node.args) != 1:
            raise NotArithmetic(f"{function} takes one number, not {len(node.args)}")
        if function not in _ONE and len(node.args) < 2:
            raise NotArithmetic(f"{function} takes two numbers or more, not {len(node.args)}")
        return Operation(function, tuple(self.tree(argument) for argument in node.args), self._text(node))

    def _text(self, node: ast.expr) -> str:
        return self._placed.text(ast.get_source_segment(self._source, node) or "")
