from typing import Any

import pytest
from tests.fixtures import tool_functions
from tests.fixtures.tools import toolbox, tools_of

from bedplate.errors import Unavailable
from bedplate.tools.protocol import ToolContext, ToolResult

NOBODY = ToolContext()


def functions(*names: str) -> dict[str, Any]:
    return {"functions": [f"{tool_functions.__name__}:{name}" for name in names]}


async def test_the_schema_comes_from_the_signature_without_what_is_the_server_s() -> None:
    options = {**functions("refund"), "given": {"database": "shop"}}
    async with tools_of("python", options) as tools:
        spec = tools["refund"].spec
    assert spec.description == "Refund an amount of an order."
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "order": {"title": "Order", "type": "string"},
            "amount": {"exclusiveMinimum": 0, "title": "Amount", "type": "number"},
            "reason": {
                "default": "late",
                "enum": ["broken", "late"],
                "title": "Reason",
                "type": "string",
            },
        },
        "required": ["order", "amount"],
        "additionalProperties": False,
    }


async def test_arguments_arrive_as_the_types_say() -> None:
    async with tools_of("python", functions("move")) as tools:
        given = {"order": "A-1", "address": {"street": "Storgata 1"}, "on": "2026-02-03"}
        result = await tools["move"].call(given, NOBODY)
        assert result == ToolResult("A-1 goes to Storgata 1, NO on 2026-02-03")
        # JSON Schema has the format of a date as a remark; the type itself does not.
        wrong = await tools["move"].call({**given, "on": "tomorrow"}, NOBODY)
    assert wrong.failed
    assert "on: Input should be a valid date" in wrong.text
    assert "nothing was done" in wrong.text


@pytest.mark.parametrize(
    ("name", "given", "said", "unknown", "missing"),
    [
        ("refuse", {}, "refuse refused: the order is closed", False, False),
        ("find", {"order": "A-9"}, "find refused: there is no 'A-9'", False, True),
        ("break_off", {}, "break_off failed: RuntimeError: the connection broke.", True, False),
    ],
)
async def test_what_a_function_raises_says_whether_anything_was_done(
    name: str, given: dict[str, Any], said: str, unknown: bool, missing: bool
) -> None:
    async with tools_of("python", functions(name)) as tools:
        result = await tools[name].call(given, NOBODY)
    assert result == ToolResult(said, failed=True, unknown=unknown, missing=missing)


async def test_an_error_that_the_model_cannot_mend_is_raised() -> None:
    async with tools_of("python", functions("unavailable")) as tools:
        with pytest.raises(Unavailable, match="The shop is closed"):
            await tools["unavailable"].call({}, NOBODY)


async def test_a_function_that_blocks_holds_up_no_other() -> None:
    table = {"use": "python", **functions("hang", "echo"), "threads": 2, "seconds": 0.1}
    async with toolbox({"shop": table}) as tools:
        try:
            late = await (await tools.find("hang")).call({}, NOBODY)
            assert (late.failed, late.unknown) == (True, True)
            said = await (await tools.find("echo")).call({"text": "here"}, NOBODY)
            assert said.text == "here"
        finally:
            tool_functions.HELD.set()
