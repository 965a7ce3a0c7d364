"""Arithmetic as people write it, on exact decimal fractions.

Python's own parser reads it and nothing is evaluated but what stands in the tables below. Values
are fractions, so 0.1 + 0.2 is 0.3; only roots and fractional powers are rounded, to 30 digits.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal, InvalidOperation, Overflow
from fractions import Fraction
from typing import Any

from bedplate.errors import InvalidInput

MOST_CHARACTERS = 1_000
MOST_BITS = 20_000
"""Of a number on the way, numerator and denominator together."""

DIGITS = 30
SHOWN = 15

_CONTEXT = Context(prec=DIGITS)
_NAMED: Mapping[str, Fraction] = {
    "pi": Fraction("3.14159265358979323846264338328"),
    "e": Fraction("2.71828182845904523536028747135"),
}
_BINARY: Mapping[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def calculate(expression: str) -> str:
    """The value, exact where it has at most 15 decimals; InvalidInput says what is wrong."""
    if len(expression) > MOST_CHARACTERS:
        raise InvalidInput(f"The expression has over {MOST_CHARACTERS:,} characters.")
    text = expression.strip().replace("×", "*").replace("÷", "/").replace("−", "-")
    try:
        tree = ast.parse(text.replace("^", "**"), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        said = error.msg if isinstance(error, SyntaxError) else "it cannot be read"
        raise InvalidInput(f"{expression!r} is no arithmetic expression: {said}.") from error
    try:
        return _written(_value(tree.body))
    except ZeroDivisionError as error:
        raise InvalidInput(f"{expression!r} divides by zero.") from error
    except RecursionError as error:
        raise InvalidInput(f"{expression!r} is nested too deeply.") from error


def _value(node: ast.expr) -> Fraction:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner)
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _value(inner)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _bounded(Fraction(_BINARY[type(op)](_value(left), _value(right))))
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]) if name in _FUNCTIONS:
            return _called(name, [_value(each) for each in given])
        case _:
            return _number(node)


def _number(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=bool() | str() | bytes() | complex() | None):
            pass
        case ast.Constant(value=int() as number):
            return _bounded(Fraction(number))
        case ast.Constant(value=float() as number) if math.isfinite(number):
            # As it was written, to 17 digits; not what binary makes of it.
            return Fraction(repr(number))
        case ast.Name(id=name) if name in _NAMED:
            return _NAMED[name]
        case _:
            pass
    raise InvalidInput(
        f"{ast.unparse(node)[:100]!r} is no arithmetic. There are + - * / // % **, parentheses, "
        f"{', '.join([*_NAMED, *_FUNCTIONS])}."
    )


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > MOST_BITS:
        raise InvalidInput("A number on the way is too large.")
    return value


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator == 1:
        size = base.numerator.bit_length() + base.denominator.bit_length()
        if size * abs(exponent) > MOST_BITS:
            raise InvalidInput(f"{_written(base)} ** {_written(exponent)} is too large.")
        return Fraction(base ** int(exponent))
    if base < 0:
        raise InvalidInput(f"{_written(base)} ** {_written(exponent)} is no real number.")
    try:
        return Fraction(_CONTEXT.power(_decimal(base), _decimal(exponent)))
    except (InvalidOperation, Overflow) as error:
        raise InvalidInput(f"{_written(base)} ** {_written(exponent)} is too large.") from error


def _decimal(value: Fraction) -> Decimal:
    return _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))


def _called(name: str, given: Sequence[Fraction]) -> Fraction:
    least, most, run = _FUNCTIONS[name]
    if not least <= len(given) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise InvalidInput(f"{name} takes {wanted} numbers, not {len(given)}.")
    return _bounded(Fraction(run(*given)))


def _root(value: Fraction) -> Fraction:
    if value < 0:
        raise InvalidInput(f"sqrt({_written(value)}) is no real number.")
    return Fraction(_CONTEXT.sqrt(_decimal(value)))


def _round(value: Fraction, digits: Fraction = Fraction(0)) -> Fraction:
    """Half away from zero, as people do."""
    if digits.denominator != 1 or not -100 <= digits <= 100:
        raise InvalidInput("round takes a whole number of digits from -100 to 100.")
    scale = Fraction(10) ** int(digits)
    whole = math.floor(abs(value) * scale + Fraction(1, 2))
    return Fraction(whole if value >= 0 else -whole) / scale


_FUNCTIONS: Mapping[str, tuple[int, int, Callable[..., Any]]] = {
    "abs": (1, 1, abs),
    "ceil": (1, 1, math.ceil),
    "floor": (1, 1, math.floor),
    "round": (1, 2, _round),
    "sqrt": (1, 1, _root),
    "min": (1, 100, min),
    "max": (1, 100, max),
    "sum": (1, 100, lambda *given: sum(given, Fraction(0))),
}


def _written(value: Fraction) -> str:
    if value.denominator == 1 and value.numerator.bit_length() < 300:
        return str(value.numerator)
    rounded = Decimal(_round(value, Fraction(SHOWN)).numerator) / Decimal(
        _round(value, Fraction(SHOWN)).denominator
    )
    size = abs(value)
    if Fraction(1, 1_000_000) <= size < 10**SHOWN:
        return f"{rounded:f}"
    return f"{_decimal(value):.{SHOWN}g}"
