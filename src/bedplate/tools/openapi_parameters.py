"""Arguments put where an operation wants them (OpenAPI 3.1.1, "Style Values")."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import quote, urlencode

from bedplate.errors import InvalidInput

Place = Literal["path", "query", "header", "cookie"]
RESERVED = ("Accept", "Content-Type", "Authorization", "Host", "Content-Length")
"""Headers that a parameter may not be (the first three by the standard)."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """`argument` is what the model calls it, `name` what the server does. `json`: sent as JSON."""

    argument: str
    name: str
    place: Place
    style: str
    explode: bool
    json: bool = False

    def pairs(self, value: object) -> list[tuple[str, str]]:
        """Of a query or a cookie."""
        if self.json:
            return [(self.name, json.dumps(value, ensure_ascii=False))]
        if isinstance(value, Mapping):
            fields = list(cast(Mapping[str, object], value).items())
            if self.style == "deepObject":
                return [(f"{self.name}[{key}]", plain(inner)) for key, inner in fields]
            if self.explode:
                return [(key, plain(inner)) for key, inner in fields]
            return [(self.name, ",".join(part for k, v in fields for part in (k, plain(v))))]
        if isinstance(value, list):
            items = [plain(each) for each in cast(list[object], value)]
            if self.explode:
                return [(self.name, item) for item in items]
            joint = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(self.style, ",")
            return [(self.name, joint.join(items))]
        return [(self.name, plain(value))]

    def text(self, value: object) -> str:
        """Of a path or a header: the style "simple"."""
        if self.json:
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, Mapping):
            fields = cast(Mapping[str, object], value).items()
            joint = "=" if self.explode else ","
            return ",".join(f"{key}{joint}{plain(inner)}" for key, inner in fields)
        if isinstance(value, list):
            return ",".join(plain(each) for each in cast(list[object], value))
        return plain(value)


def filled(path: str, parameters: Sequence[Parameter], arguments: Mapping[str, Any]) -> str:
    """The path with its values in place, encoded; InvalidInput for one that would lead elsewhere."""
    for parameter in parameters:
        if parameter.place != "path":
            continue
        value = parameter.text(arguments[parameter.argument])
        if value in ("", ".", ".."):
            raise InvalidInput(f"{parameter.argument} is {value!r}, which is no part of a path.")
        path = path.replace(f"{{{parameter.name}}}", quote(value, safe=""))
    return path


def query(parameters: Sequence[Parameter], arguments: Mapping[str, Any]) -> str:
    return urlencode(
        [
            pair
            for each, value in _given("query", parameters, arguments)
            for pair in each.pairs(value)
        ]
    )


def headers(parameters: Sequence[Parameter], arguments: Mapping[str, Any]) -> dict[str, str]:
    """Cookies too; InvalidInput for a value that no header can hold."""
    sent: dict[str, str] = {}
    for parameter, value in _given("header", parameters, arguments):
        text = parameter.text(value)
        if not (text.isascii() and text.isprintable()):
            raise InvalidInput(f"{parameter.argument} holds what no header can: {text[:100]!r}.")
        sent[parameter.name] = text
    cookies = [
        f"{name}={quote(value)}"
        for parameter, given in _given("cookie", parameters, arguments)
        for name, value in parameter.pairs(given)
    ]
    return {**sent, **({"Cookie": "; ".join(cookies)} if cookies else {})}


def plain(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _given(
    place: Place, parameters: Sequence[Parameter], arguments: Mapping[str, Any]
) -> Iterator[tuple[Parameter, Any]]:
    for each in parameters:
        if each.place == place and each.argument in arguments:
            yield each, arguments[each.argument]
