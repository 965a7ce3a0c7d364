"""Settings as trees: tables in tables, as TOML has them."""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, cast

Tree = dict[str, Any]


def read_value(text: str) -> Any:
    """A value as TOML would read it, so numbers, booleans, lists and tables work; else text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def choices_first(given: Iterable[tuple[str, str, Any]]) -> list[tuple[str, str, Any]]:
    """The `use` of every slot before the slot's options, which a later one would sweep away."""
    return sorted(given, key=lambda each: not each[1].endswith(".use"))


def nest(key: str, value: Any) -> Tree:
    for part in reversed(key.split(".")):
        value = {part: value}
    return cast(Tree, value)


def merge(
    tree: Tree, other: Mapping[str, Any], source: str, origins: dict[str, str], prefix: str = ""
) -> None:
    """Lay `other` over `tree`. A slot whose `use` changes starts afresh: options of one adapter
    are not options of another.
    """
    for key, value in other.items():
        path = f"{prefix}{key}"
        present = tree.get(key)
        if isinstance(value, Mapping):
            inner = cast(Mapping[str, Any], value)
            kept = cast(Tree, present) if isinstance(present, dict) else {}
            use = inner.get("use")
            # A table called "use" is no choice: a model may have that name.
            if isinstance(use, str) and kept.get("use") != use:
                kept = {}
            tree[key] = kept
            merge(kept, inner, source, origins, f"{path}.")
        else:
            tree[key] = value
            for below in [known for known in origins if known.startswith(f"{path}.")]:
                del origins[below]
            origins[path] = source
