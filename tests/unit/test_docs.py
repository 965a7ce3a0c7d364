"""The papers: settings are documented with their defaults, links resolve, notes keep their form."""

import importlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeGuard, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from tests.fixtures.extras import load_or_skip

from bedplate.chunkers import CHUNKERS
from bedplate.config import AssistantConfig, Config, ModelSlot, Section, Slot, TableConfig
from bedplate.embedders import EMBEDDERS, IMAGE_EMBEDDERS
from bedplate.guard_sections import InjectionJudgeSlot, InjectionSlot, PiiSlot
from bedplate.guards import (
    INJECTION_GUARDS,
    INJECTION_JUDGES,
    INJECTION_MODELS,
    PII_GUARDS,
)
from bedplate.judges import JUDGES
from bedplate.models import COMPOSITES, MODELS, SERVED
from bedplate.models.presets import Preset, presets
from bedplate.registry import Registry
from bedplate.rerankers import RERANKERS
from bedplate.sections import CollectionConfig, LimitsConfig
from bedplate.sources import SOURCES
from bedplate.stores import STORES
from bedplate.tool_sections import ToolsetSlot
from bedplate.tools import TOOLS

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference" / "configuration.md"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts),
    ]
)
KINDS: Mapping[str, Registry[Any]] = {
    "embedders": EMBEDDERS,
    "image_embedders": IMAGE_EMBEDDERS,
    "stores": STORES,
    "chunkers": CHUNKERS,
    "rerankers": RERANKERS,
    "models": MODELS,
    "composite models": COMPOSITES,
    "served models": SERVED,
    "sources": SOURCES,
    "tools": TOOLS,
    "guards.pii": PII_GUARDS,
    "guards.injection": INJECTION_GUARDS,
    "guards.injection.model": INJECTION_MODELS,
    "guards.injection.judge": INJECTION_JUDGES,
    "guards.groundedness": JUDGES,
}
ADAPTERS = [(kind, name) for kind, registry in KINDS.items() for name in registry.names()]


def shown(value: object) -> str:
    """A default as the tables write it: TOML in backticks, or the word none."""
    match value:
        case None:
            return "none"
        case Slot():
            return f'`{{ use = "{value.use}" }}`'
        case Path():
            return f'`"{value.as_posix()}"`'
        case tuple() | list():
            return f"`{json.dumps(list(value))}`"
        case _:
            return f"`{json.dumps(value)}`"


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return shown(field.get_default(call_default_factory=True))


def rows(text: str) -> dict[str, str]:
    """The tables' first two columns: a key in backticks and its default."""
    found = re.findall(r"^\| `([^`]+)` \| (required|none|`[^|]+`) \| \S", text, re.MULTILINE)
    assert len(found) == len(dict(found)), "a key is documented twice"
    return dict(found)


TABLES: dict[str, type[BaseModel]] = {
    "models": ModelSlot,
    "assistants": AssistantConfig,
    "collections": CollectionConfig,
    "tables": TableConfig,
    "tools": ToolsetSlot,
    "budgets.tenants": LimitsConfig,
}


def is_section(annotation: object) -> TypeGuard[type[Section]]:
    return isinstance(annotation, type) and issubclass(annotation, Section)


ELSEWHERE = {"assistants.<name>.check"}
"""Tables whose settings are those of another section."""


GUARDS = {
    "guards.pii": PiiSlot,
    "guards.injection": InjectionSlot,
    "guards.injection.judge": InjectionJudgeSlot,
}
"""Slots with settings of their own."""


def settings(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in section.model_fields.items():
        key = prefix + name
        inner = field.annotation
        yield from settings(GUARDS[key], f"{key}.") if key in GUARDS else ()
        if key in TABLES:
            yield from settings(TABLES[key], f"{key}.<name>.")
        elif key == "stores":
            yield "stores.<name>.use", "required"
        elif get_origin(inner) is Mapping or key in ELSEWHERE:
            yield key, default(field)
        elif isinstance(inner, type) and issubclass(inner, Slot):
            value = field.get_default(call_default_factory=True)
            yield (key, shown(value)) if prefix else (f"{key}.use", shown(value.use))
        elif any(isinstance(each, type) and issubclass(each, Slot) for each in get_args(inner)):
            yield key, default(field)
        elif isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from settings(inner, f"{key}.")
        elif part := next((a for a in get_args(inner) if is_section(a)), None):
            yield from settings(part, f"{key}.")
        else:
            yield key, default(field)


def options_of(module: ModuleType) -> type[BaseModel] | None:
    """The options model that an adapter's module names, its own or one it imports."""
    found = [
        value
        for name, value in vars(module).items()
        if name.endswith("Options") and isinstance(value, type) and issubclass(value, BaseModel)
    ]
    assert len(found) <= 1, f"{module.__name__} names several options models"
    return found[0] if found else None


def prose(page: Path) -> str:
    """A page without its fenced code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_setting_is_documented_with_its_default() -> None:
    text = REFERENCE.read_text(encoding="utf-8").split("## Options of adapters")[0]
    assert rows(text) == dict(settings(Config))


@pytest.mark.parametrize(("kind", "name"), ADAPTERS, ids=[f"{k}-{n}" for k, n in ADAPTERS])
def test_every_adapter_option_is_documented_with_its_default(kind: str, name: str) -> None:
    factory = load_or_skip(KINDS[kind], name)
    options = options_of(importlib.import_module(factory.__module__))
    sections = re.split(r"^### ", REFERENCE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    section = next(text for text in sections if text.startswith(f"{kind}: {name}\n"))
    wanted = {key: default(f) for key, f in options.model_fields.items()} if options else {}
    assert rows(section) == wanted


def preset_row(preset: Preset) -> str:
    others = "; ".join(f"`{key} = {toml(value)}`" for key, value in preset.options.items())
    key = f"`{preset.key_env}`" if preset.key_env else "none"
    cells = (preset.name, preset.title, f"`{preset.template}`", key, others or "none")
    return f"| {' | '.join(cells)} |"


def toml(value: object) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {json.dumps(inner)}' for key, inner in value.items())} }}"
    return json.dumps(value)


def test_the_table_of_presets_is_the_file_of_presets() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    table = text.split("#### Presets\n")[1].split("\n### ")[0]
    documented = [line for line in table.splitlines() if line.startswith("| ")]
    assert documented[1:] == [preset_row(preset) for preset in presets().values()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_internal_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} is not there"
        assert file.is_relative_to(ROOT), f"{target} leaves the repository"
        if anchor:
            assert anchor in anchors(file), f"{target} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_the_papers_name_exist(page: Path) -> None:
    """Paths in backticks below a folder of the repository, e.g. `rag/answer.py`."""
    for name in re.findall(r"`((?:[\w.-]+/)+[\w-]+\.(?:py|md|sql|toml))`", prose(page)):
        places = (ROOT / name, ROOT / "src" / "bedplate" / name)
        assert any(place.exists() for place in places), f"{name} is not there"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_toml_examples_are_valid_configuration(page: Path) -> None:
    for block in re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        if "[tool." not in block:
            Config.model_validate(without_secrets(tomllib.loads(block)))


def without_secrets(value: Any) -> Any:
    match value:
        case {"env": str()} | {"file": str()} if len(value) == 1:
            return "secret"
        case dict():
            return {key: without_secrets(inner) for key, inner in value.items()}
        case list():
            return [without_secrets(inner) for inner in value]
        case _:
            return value


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r":? ([\w/.-]+\.md)$", text, re.MULTILINE))
    assert named == {p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")}


def test_changelog_fragments_have_valid_names() -> None:
    """`<slug>.<type>.md`, of a type that the changelog knows."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
    types = "|".join(entry["directory"] for entry in tool["type"])
    for fragment in (ROOT / tool["directory"]).iterdir():
        if fragment.name not in {"README.md", ".gitkeep"}:
            assert re.fullmatch(rf"\+?[a-z0-9-]+\.(?:{types})\.md", fragment.name), fragment.name
            assert fragment.read_text(encoding="utf-8").strip(), fragment.name


def test_decision_notes_are_numbered_without_gaps_and_short() -> None:
    notes = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(note.name[:4]) for note in notes] == list(range(1, len(notes) + 1))
    for note in notes:
        assert len(note.read_text(encoding="utf-8").splitlines()) <= 40, note.name


def test_architecture_fits_one_page() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) <= 150
