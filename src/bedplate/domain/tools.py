"""Tools that a model may call, its calls, and the shape its answer must have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class CustomInput:
    """What a custom tool is called with: any text, or one of a grammar where there is a `syntax`."""

    syntax: Literal["lark", "regex"] | None = None
    definition: str = ""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function as a model is told of it; `parameters` is a JSON Schema of an object.

    `strict` asks the provider to keep to the schema; None leaves that to it. With `custom` it is no
    function: it is called with a text in place of arguments (OpenAI's custom tools).
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    strict: bool | None = None
    custom: CustomInput | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether the model may, must or must not call a tool, and which where `names` is not empty."""

    mode: Literal["auto", "none", "required"]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call as the model wrote it: `arguments` is its JSON text, unchecked, or of a `custom` tool
    the text that it is called with.
    """

    id: str
    name: str
    arguments: str
    custom: bool = False


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """JSON in place of prose; of a given JSON Schema where `schema` is not None."""

    schema: Mapping[str, Any] | None = None
    name: str = "answer"
    description: str = ""
    strict: bool | None = None
