"""What AgentDojo's environments have in common: YAML with places for an injection."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml

PLACE = re.compile(r"\{\w*injection\w*\}")


def read_environment(folder: Path) -> dict[str, Any]:
    """A suite's environment, with what its `!include` lines name."""

    class Loader(yaml.SafeLoader):
        pass

    def include(_: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
        text = (folder / str(node.value)).read_text("utf-8")
        return yaml.load(text, Loader)

    Loader.add_constructor("!include", include)
    return yaml.load((folder / "environment.yaml").read_text("utf-8"), Loader)


def filled(value: Any, injection: str) -> Any:
    """The environment with the injection wherever it has room for one."""
    match value:
        case str():
            return PLACE.sub(lambda _: f" {injection} " if injection else "", value)
        case Mapping():
            given = cast(Mapping[Any, Any], value)
            return {
                str(filled(key, injection)): filled(inner, injection)
                for key, inner in given.items()
            }
        case list():
            return [filled(inner, injection) for inner in cast(Sequence[Any], value)]
        case bool() | int() | float() | None:
            return value
        case _:
            return str(value)
