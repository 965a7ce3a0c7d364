"""The expression notation of filters, e.g. `price < 50 and not (tags in ("a", "b"))`.

`not` binds closer than `and`, `and` closer than `or`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn

from bedplate.conditions.field_schema import MAX_DEPTH, Schema, joined, shown
from bedplate.domain.documents import Scalar
from bedplate.domain.filters import And, Filter, Not, Operator, Or, normalise_date
from bedplate.errors import BadFilter

_SYMBOLS: Mapping[str, Operator] = {
    "=": "eq",
    "==": "eq",
    "!=": "ne",
    "<>": "ne",
    "<": "lt",
    "<=": "lte",
    ">": "gt",
    ">=": "gte",
    "contains": "eq",
}
_KEYWORDS = frozenset({"and", "or", "not", "in", "exists", "contains", "true", "false"})
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TOKEN = re.compile(
    r"""(?P<symbol>==|!=|<>|<=|>=|[<>=(),\[\]])
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<quoted>`[^`]+`)
      | (?P<word>[^\s()\[\]{}<>=!&|;,"'`]+)""",
    re.VERBOSE | re.DOTALL,
)
_TokenKind = Literal["symbol", "keyword", "name", "literal", "end"]


@dataclass(frozen=True, slots=True)
class _Token:
    """`text` is as written; `value` is the name or literal it stands for."""

    kind: _TokenKind
    text: str
    position: int
    value: Scalar = ""


def parse_expression(source: str, schema: Schema) -> Filter:
    """Read `source`, whose comparisons `schema` checks; BadFilter names the position."""
    return _Expression(source, schema).read()


class _Expression:
    """A recursive-descent parser with one token of look-ahead."""

    def __init__(self, source: str, schema: Schema) -> None:
        self._source = source
        self._schema = schema
        self._tokens = list(self._scan())
        self._index = 0
        self._depth = 0

    def read(self) -> Filter:
        if self._next.kind == "end":
            raise BadFilter("filter: it is empty; leave it out", position=1)
        tree = self._either()
        if self._index < len(self._tokens) - 1:
            self._fail("expected 'and', 'or' or the end")
        return tree

    def _either(self) -> Filter:
        clauses = [self._all()]
        while self._accept("or"):
            clauses.append(self._all())
        return joined(Or, clauses)

    def _all(self) -> Filter:
        clauses = [self._one()]
        while self._accept("and"):
            clauses.append(self._one())
        return joined(And, clauses)

    def _one(self) -> Filter:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"nested deeper than {MAX_DEPTH}")
        if self._accept("not"):
            tree: Filter = Not(self._one())
        elif self._accept("("):
            tree = self._either()
            self._expect(")")
        else:
            tree = self._comparison()
        self._depth -= 1
        return tree

    def _comparison(self) -> Filter:
        name = self._next
        if name.kind != "name":
            self._fail("expected a field name", "back-tick a name that is not a plain word")
        self._index += 1
        field, position = str(name.value), name.position
        if self._accept("exists"):
            return self._schema.exists(field, wanted=True, position=position)
        if self._accept("not"):
            if self._accept("exists"):
                return self._schema.exists(field, wanted=False, position=position)
            self._expect("in")
            return self._schema.compare(field, "nin", self._values(), position)
        if self._accept("in"):
            return self._schema.compare(field, "in", self._values(), position)
        operator = _SYMBOLS.get(self._next.text.lower())
        if operator is None or self._next.kind not in ("symbol", "keyword"):
            self._fail("expected a comparison such as ==, <, in, contains or exists")
        self._index += 1
        return self._schema.compare(field, operator, [self._value()], position)

    def _values(self) -> list[Scalar]:
        close = "]" if self._accept("[") else ")"
        if close == ")":
            self._expect("(")
        values = [self._value()]
        while self._accept(","):
            values.append(self._value())
        self._expect(close)
        return values

    def _value(self) -> Scalar:
        token = self._next
        if token.kind != "literal":
            self._fail("expected a value", "text goes in quotes" if token.kind == "name" else "")
        self._index += 1
        return token.value

    @property
    def _next(self) -> _Token:
        return self._tokens[self._index]

    def _accept(self, text: str) -> bool:
        token = self._next
        found = token.kind in ("symbol", "keyword") and token.text.lower() == text
        self._index += found
        return found

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            self._fail(f"expected {text!r}")

    def _fail(self, message: str, hint: str = "") -> NoReturn:
        after = f" after {shown(self._tokens[self._index - 1].text)}" if self._index else ""
        raise self._error(message + after, self._next.position, hint)

    def _error(self, message: str, position: int, hint: str = "") -> BadFilter:
        start, end = max(0, position - 21), position + 19
        seen = "".join(c if c.isprintable() else " " for c in self._source[start:end])
        excerpt = f"{'...' if start else ''}{seen}{'...' if end < len(self._source) else ''}"
        tail = f"; {hint}" if hint else ""
        return BadFilter(
            f'filter: {message} at position {position} ("{excerpt}"){tail}', position=position
        )

    def _scan(self) -> list[_Token]:
        tokens: list[_Token] = []
        index = 0
        while True:
            while index < len(self._source) and self._source[index].isspace():
                index += 1
            if index == len(self._source):
                return [*tokens, _Token("end", "", index + 1)]
            match = _TOKEN.match(self._source, index)
            if match is None:
                character = self._source[index]
                problem = (
                    f"the quote {character} is never closed"
                    if character in "\"'`"
                    else f"unexpected {character!r}"
                )
                raise self._error(problem, index + 1)
            tokens.append(_classified(match))
            index = match.end()


def _classified(match: re.Match[str]) -> _Token:
    text, position = match[0], match.start() + 1
    if match.lastgroup == "symbol":
        return _Token("symbol", text, position)
    if match.lastgroup == "string":
        value = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1], flags=re.DOTALL)
        return _Token("literal", text, position, value)
    if match.lastgroup == "quoted":
        return _Token("name", text, position, text[1:-1])
    if text.lower() in ("true", "false"):
        return _Token("literal", text, position, text.lower() == "true")
    if text.lower() in _KEYWORDS:
        return _Token("keyword", text, position)
    if _NUMBER.fullmatch(text):
        whole = text.lstrip("+-").isdigit()
        return _Token("literal", text, position, int(text) if whole else float(text))
    if normalise_date(text):
        return _Token("literal", text, position, text)
    return _Token("name", text, position, text)
