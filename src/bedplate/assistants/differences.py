"""What differs between two versions of an assistant."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from bedplate.assistant_sections import AssistantConfig


@dataclass(frozen=True, slots=True)
class Difference:
    """`path` leads to a setting, e.g. "memory.tokens"; values are as JSON has them."""

    path: str
    before: Any
    after: Any


def differences(before: AssistantConfig, after: AssistantConfig) -> tuple[Difference, ...]:
    return tuple(_between(before.model_dump(mode="json"), after.model_dump(mode="json"), ""))


def _between(
    before: Mapping[str, Any], after: Mapping[str, Any], prefix: str
) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *after]):
        one, other = before.get(name), after.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            inner = cast(Mapping[str, Any], one), cast(Mapping[str, Any], other)
            yield from _between(*inner, f"{prefix}{name}.")
        elif one != other:
            yield Difference(prefix + name, one, other)
