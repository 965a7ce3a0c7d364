"""The shape of the code: what reviewers would otherwise have to look for."""

import ast
import inspect
from pathlib import Path

import pytest
from tests.fixtures.extras import load_or_skip

import bedplate
from bedplate.chunkers import CHUNKERS
from bedplate.durable import PLACES
from bedplate.embedders import EMBEDDERS, IMAGE_EMBEDDERS
from bedplate.evaluations import EVALUATIONS
from bedplate.guards import DOCUMENT_GUARDS, PII_GUARDS
from bedplate.judges import JUDGES
from bedplate.ledger import LEDGERS
from bedplate.models import MODELS, SERVED
from bedplate.objects import OBJECTS
from bedplate.rerankers import RERANKERS
from bedplate.reviews import REVIEWS
from bedplate.sources import SOURCES
from bedplate.state import CATALOGS
from bedplate.stores import STORES

PACKAGE = Path(bedplate.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
EMPTY_NAMES = {"manager", "helper", "helpers", "util", "utils", "base", "mixin", "impl", "common",
               "misc", "v2"}  # fmt: skip
MAX_LINES = 400
REGISTRIES = [REVIEWS, EVALUATIONS, CHUNKERS, DOCUMENT_GUARDS, EMBEDDERS, IMAGE_EMBEDDERS, JUDGES, PII_GUARDS, LEDGERS, MODELS, SERVED, OBJECTS, RERANKERS, CATALOGS,
              STORES, PLACES, SOURCES]  # fmt: skip


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_holds_one_noun_and_stays_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
    assert not EMPTY_NAMES & set(path.stem.lower().split("_"))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            words = {word.lower() for word in _words(node.name)}
            assert not words & EMPTY_NAMES, f"{node.name} says nothing"


def _words(title: str) -> list[str]:
    spaced = "".join(f" {c}" if c.isupper() else c for c in title)
    return spaced.split()


@pytest.mark.parametrize("path", [p for p in FILES if p.parent != PACKAGE], ids=name)
def test_every_module_and_package_says_what_it_is_for(path: Path) -> None:
    if path.name in {"__init__.py", "protocol.py"}:
        assert ast.get_docstring(tree(path))


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/protocol.py")), ids=name)
def test_a_protocol_is_small_and_its_contract_is_written_down(path: Path) -> None:
    for node in tree(path).body:
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.dump(b) for b in node.bases):
            methods = [
                n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
            assert len([m for m in methods if not m.decorator_list]) <= 6, node.name
            documented = ast.get_docstring(node) or any(ast.get_docstring(m) for m in methods)
            assert documented or node.name.startswith("Open") or node.name == "Catalog", node.name


@pytest.mark.parametrize(
    ("registry", "adapter"),
    [(registry, adapter) for registry in REGISTRIES for adapter in registry.names()],
    ids=lambda value: value if isinstance(value, str) else value.kind,
)
def test_every_name_in_a_table_leads_to_a_factory(registry: object, adapter: str) -> None:
    factory = load_or_skip(registry, adapter)  # type: ignore[arg-type]
    assert inspect.isfunction(factory)
    assert "Generator" in str(inspect.signature(factory).return_annotation) or hasattr(
        factory, "__wrapped__"
    )


@pytest.mark.parametrize("path", FILES, ids=name)
def test_nothing_happens_at_import_that_lasts(path: Path) -> None:
    """No open files, processes or mutable tables at module level; loggers and constants only."""
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Set | ast.Dict):
            names = [t.id for t in node.targets if isinstance(t, ast.Name)]
            assert all(n.isupper() or n.startswith("_") or n == "__all__" for n in names), names
