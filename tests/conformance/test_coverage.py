"""The page of coverage says what is so, and its parts count as they say."""

import re
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
from openai.types.chat import completion_create_params
from pydantic import BaseModel
from scripts.openai_coverage.fields import seen, told
from scripts.openai_coverage.hosted import TOOLS, hosted
from scripts.openai_coverage.measure import measure
from scripts.openai_coverage.samples import samples
from scripts.openai_coverage.surface import operations
from scripts.openai_coverage.table import gathered, page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "openai.md"


class Text(BaseModel):
    type: Literal["text"]
    text: str


class Call(BaseModel):
    type: Literal["call"]
    arguments: list[str]
    inner: "Call | None" = None


class Answer(BaseModel):
    id: str
    parts: list[Text | Call]


@pytest.mark.conformance
@pytest.mark.timeout(600)
async def test_the_page_is_what_the_server_does() -> None:
    """Where it is not: `python -m scripts.openai_coverage`."""
    assert PAGE.read_text(encoding="utf-8") == page(await measure())


def test_the_page_is_about_the_client_that_is_installed() -> None:
    assert f"version {openai.__version__}:" in PAGE.read_text(encoding="utf-8")


def test_operations_are_read_from_the_client() -> None:
    known = {str(each): each for each in operations()}

    chat = known["POST /v1/chat/completions"]
    assert chat.body is completion_create_params.CompletionCreateParamsStreaming
    assert chat.answer is openai.types.chat.ChatCompletion
    assert chat.event is openai.types.chat.ChatCompletionChunk
    assert known["POST /v1/vector_stores/{vector_store_id}/search"].listing
    assert known["DELETE /v1/files/{file_id}"].answer is openai.types.FileDeleted


def test_fields_are_told_by_their_paths_and_seen_where_an_answer_has_them() -> None:
    whole = ["id", "parts[][type=text].type", "parts[][type=text].text",
             "parts[][type=call].type", "parts[][type=call].arguments",
             ]  # fmt: skip
    assert list(told(Answer)) == whole

    answer: Any = {"id": "1", "parts": [{"type": "call", "arguments": []}], "more": 1}
    assert set(seen(Answer, answer)) == {whole[0], whole[3], whole[4]}
    assert set(seen(Answer, {"parts": []})) == set()


def test_a_sample_holds_what_is_required_and_one_field() -> None:
    found = {
        s.path: s for s in samples(completion_create_params.CompletionCreateParamsNonStreaming, {})
    }

    stop = found["stop"]
    assert set(stop.right) == {"messages", "model", "stop"}
    assert isinstance(stop.wrong["stop"], list | dict)
    name = found["tools[][type=function].function.name"]
    assert name.right["tools"] == [{"type": "function", "function": {"name": "text"}}]


def test_what_only_openai_can_run_is_told_by_its_type_and_by_its_name() -> None:
    for path, what in {
        "tools[][type=computer].type": "computer use",
        "output[][type=shell_call].action.commands": "shells and patches",
        "tools[][WebSearchToolParam].type": "search of the web",
        "response.image_generation_call.partial_image": "image generation",
        "input[][type=function_call].caller[type=program].type": "programs that call tools",
        "tools[][type=mcp].connector_id": "connectors",
        "prompt.id": "stored prompts",
    }.items():
        assert hosted(path) == what
    for path in ("input[][type=function_call].name", "tools[][type=mcp].server_url", "prompt_cache_key",
                 "input[][type=custom_tool_call].input", "output[][type=message].content[].text",
                 "response.custom_tool_call_input.delta", "instructions", "image_url", "audio_tokens",
                 ):  # fmt: skip
        assert hosted(path) is None, path


def test_every_type_that_only_openai_can_run_is_one_of_its_types() -> None:
    known = {str(each): each for each in operations()}
    asked = known["POST /v1/responses"]
    told_paths = " ".join([*told(asked.answer), *(each.path for each in samples(asked.body, {}))])
    items = known["GET /v1/conversations/{conversation_id}/items"].answer
    tags = set(re.findall(r"\[type=(\w+)\]", f"{told_paths} {' '.join(told(items))}"))

    assert {type for types in TOOLS.values() for type in types} <= tags


def test_what_is_all_in_one_state_is_said_once() -> None:
    states = {"a.b": "read", "a.c": "read", "d[].e": "read", "d[].f": "refused", "g": "sent"}
    assert gathered(states) == {"a…": "read", "d[].e": "read", "d[].f": "refused", "g": "sent"}
