"""OpenAI's surface, read from its official Python client: operations and the types they carry."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import openai
from openai import resources

METHODS = {"_get": "GET", "_post": "POST", "_delete": "DELETE", "_patch": "PATCH", "_put": "PUT"}
LISTING = "_get_api_list"
NAMESPACES = ("beta", "admin")
"""Parts of the client that are withdrawn, or about a paying organisation's own account."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path. `body` and `query` are TypedDicts, `answer` the model that is sent
    back, `event` the union of streamed events; None where there is none.
    """

    method: str
    path: str
    body: Any = None
    query: Any = None
    answer: Any = None
    event: Any = None
    listing: bool = False

    @property
    def area(self) -> str:
        first, *rest = self.path.strip("/").split("/")
        return f"{first}/{rest[0]}" if first in {"chat", "audio", "fine_tuning"} else first

    def __str__(self) -> str:
        return f"{self.method} /v1{self.path}"


def version() -> str:
    return openai.__version__


def operations() -> list[Operation]:
    """Every operation of the client's synchronous half, in order of path."""
    found: dict[tuple[str, str], Operation] = {}
    for module in _modules():
        for operation in _read(module):
            found.setdefault((operation.path, operation.method), operation)
    return [found[key] for key in sorted(found)]


def _modules() -> Iterator[ModuleType]:
    for entry in pkgutil.walk_packages(resources.__path__, "openai.resources."):
        if not entry.ispkg and entry.name.split(".")[2] not in NAMESPACES:
            yield importlib.import_module(entry.name)


def _read(module: ModuleType) -> Iterator[Operation]:
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("Async"):
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and (operation := _operation(call, module)):
                    yield operation


def _operation(call: ast.Call, module: ModuleType) -> Operation | None:
    called = call.func
    if not isinstance(called, ast.Attribute) or called.attr not in {*METHODS, LISTING}:
        return None
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    path = _path(call.args[0] if call.args else given.get("path"))
    if path is None:
        return None
    method = METHODS.get(called.attr, "GET")
    if isinstance(given.get("method"), ast.Constant):
        method = str(ast.literal_eval(given["method"])).upper()
    streamed = given.get("stream_cls")
    return Operation(
        method,
        path,
        body=_evaluate(_transformed(given.get("body")), module),
        query=_evaluate(_transformed(_option(given.get("options"), "query")), module),
        answer=_evaluate(given.get("model") or given.get("cast_to"), module),
        event=_evaluate(_subscript(streamed), module),
        listing=called.attr == LISTING,
    )


def _path(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Call) and node.args:
        node = node.args[0]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def _transformed(node: ast.expr | None) -> ast.expr | None:
    """The type of `maybe_transform(value, type)`, wherever in the expression it is."""
    for each in ast.walk(node) if node else ():
        if isinstance(each, ast.Call) and getattr(each.func, "id", "") == "maybe_transform":
            chosen = each.args[1]
            return chosen.body if isinstance(chosen, ast.IfExp) else chosen
    return None


def _option(node: ast.expr | None, name: str) -> ast.expr | None:
    if isinstance(node, ast.Call):
        return next((each.value for each in node.keywords if each.arg == name), None)
    return None


def _subscript(node: ast.expr | None) -> ast.expr | None:
    found = [each for each in ast.walk(node) if isinstance(each, ast.Subscript)] if node else []
    return found[0].slice if found else None


def _evaluate(node: ast.expr | None, module: ModuleType) -> Any:
    if isinstance(node, ast.Call):
        node = node.args[-1] if getattr(node.func, "id", "") == "cast" else None
    if node is None:
        return None
    names: Mapping[str, Any] = vars(module)
    # An expression of the client's own source, in its own names.
    return eval(compile(ast.Expression(node), module.__name__, "eval"), dict(names))  # noqa: S307
