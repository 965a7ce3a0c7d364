"""`calculator`: one arithmetic expression, exactly where it can be, bounded in size and time."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict

from bedplate.domain.tools import ToolSpec
from bedplate.errors import InvalidInput
from bedplate.tools.arithmetic import MOST_CHARACTERS, calculate
from bedplate.tools.protocol import ToolContext, ToolParts, ToolResult, Toolset
from bedplate.tools.toolsets import FixedToolset, FunctionTool


class CalculatorOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")


def spec_of(name: str) -> ToolSpec:
    return ToolSpec(
        name,
        "Works out an arithmetic expression: + - * / // % **, parentheses, and the functions abs, "
        "ceil, floor, round(x, digits), sqrt, min, max, sum. 19 % of x is written 0.19 * x.",
        {
            "type": "object",
            "properties": {
                "expression": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MOST_CHARACTERS,
                    "description": "For example (1250.50 - 199) * 0.19",
                }
            },
            "required": ["expression"],
            "additionalProperties": False,
        },
    )


@asynccontextmanager
async def open_calculator(
    options: Mapping[str, Any], *, name: str, parts: ToolParts
) -> AsyncGenerator[Toolset]:
    CalculatorOptions.model_validate(options)

    async def run(arguments: Mapping[str, Any], _: ToolContext) -> ToolResult:
        try:
            return ToolResult(calculate(str(arguments["expression"])))
        except InvalidInput as error:
            return ToolResult(error.message, failed=True)

    yield FixedToolset((FunctionTool(spec_of(name), run),))
