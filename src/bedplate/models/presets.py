"""Servers with OpenAI's wire that Bedplate knows, as data (presets.toml beside this file)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, cast
from urllib.parse import quote

from bedplate.spelling import did_you_mean

ABOUT = frozenset({"key_env", "base_url"})
"""What is no option of the adapter as it stands."""


@dataclass(frozen=True, slots=True)
class Preset:
    """`options` are the adapter's, `sources` the documentation page of each fact.

    `key_env` is the variable in which the server's own documentation keeps a key, None for servers
    that need none.
    """

    name: str
    title: str
    template: str
    key_env: str | None
    options: Mapping[str, Any]
    sources: Mapping[str, str]

    @property
    def places(self) -> tuple[str, ...]:
        """What the base URL leaves open."""
        return tuple(place for _, place, _, _ in Formatter().parse(self.template) if place)

    def base_url(self, values: Mapping[str, str]) -> str:
        """The base URL with its open places filled; ValueError names one that has no value."""
        for place in self.places:
            if place != "model" and not values.get(place):
                raise ValueError(
                    f'{self.title} needs variables = {{ {place} = "..." }} for its base_url'
                )
        return self.template.format_map({p: quote(values[p], safe="") for p in self.places})


def find_preset(name: str) -> Preset:
    """ValueError with the nearest name for one that does not exist."""
    known = presets()
    if name not in known:
        hint = did_you_mean(name, known)
        raise ValueError(f"there is no preset {name!r}.{hint} Known: {', '.join(known)}")
    return known[name]


@cache
def presets() -> Mapping[str, Preset]:
    """All of them by name."""
    text = files("bedplate.models").joinpath("presets.toml").read_text(encoding="utf-8")
    return {name: _preset(name, entry) for name, entry in tomllib.loads(text).items()}


def _preset(name: str, entry: Mapping[str, Any]) -> Preset:
    facts = {key: cast(Mapping[str, Any], fact) for key, fact in entry.items() if key != "title"}
    key_env = facts.get("key_env")
    return Preset(
        name=name,
        title=str(entry["title"]),
        template=str(facts["base_url"]["is"]),
        key_env=None if key_env is None else str(key_env["is"]),
        options={key: fact["is"] for key, fact in facts.items() if key not in ABOUT},
        sources={key: str(fact["source"]) for key, fact in facts.items()},
    )
