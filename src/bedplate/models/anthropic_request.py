"""The body of a request to Anthropic's API (Claude API reference, "Create a Message")."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bedplate.domain.chat import ChatRequest
from bedplate.domain.tools import OutputFormat, ToolChoice, ToolSpec
from bedplate.errors import InvalidInput
from bedplate.models.anthropic_messages import encode_system, encode_turns
from bedplate.models.anthropic_options import OURS, AnthropicOptions
from bedplate.models.openai_request import check_no_custom_tools, check_tool_choice

ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768}
"""Tokens of thinking an effort is worth; the API takes no fewer than 1,024."""
NO_EFFORT = "none"


def encode_request(request: ChatRequest, options: AnthropicOptions) -> bytes:
    """The JSON body; InvalidInput for a field that cannot be honoured or encoded.

    `seed` is left out: the API has none, and a seed is a wish. So are the fields of `parallel`
    calls where there are no tools.
    """
    _check(request)
    body: dict[str, Any] = {**options.extra_body, **request.extra}
    # One answer is all that the API gives; it does not know the field.
    body.pop("n", None)
    system, tools = encode_system(request.messages), _tools(request, options)
    _mark(system, tools, options)
    limit = request.max_output_tokens or options.max_output_tokens
    chosen: dict[str, Any] = {
        "model": options.model,
        "messages": encode_turns(request.messages),
        "stream": True,
        "max_tokens": limit,
        "system": system or None,
        "tools": tools or None,
        "tool_choice": _choice(request, options) if tools else None,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop_sequences": list(request.stop) or None,
    }
    body |= {name: value for name, value in chosen.items() if value is not None}
    body |= _thinking(request, options, limit)
    if request.output is not None and not by_tool(request, options):
        schema = {"type": "json_schema", "schema": request.output.schema}
        body["output_config"] = {**body.get("output_config", {}), "format": schema}
    try:
        return msgspec.json.encode(body)
    except (TypeError, UnicodeEncodeError) as error:
        raise InvalidInput(f"The request cannot be written as JSON: {error}.") from error


def by_tool(request: ChatRequest, options: AnthropicOptions) -> bool:
    """Whether the answer's shape comes from a tool that the model has to call: JSON of any shape
    has no other way.
    """
    output = request.output
    return output is not None and (options.schema_by == "tool" or output.schema is None)


def _tools(request: ChatRequest, options: AnthropicOptions) -> list[dict[str, Any]]:
    choice = request.tool_choice
    some = choice.names if choice is not None and len(choice.names) > 1 else ()
    only = choice.names if choice is not None and choice.mode == "auto" else some
    tools = [_tool(tool) for tool in request.tools if not only or tool.name in only]
    if request.output is not None and by_tool(request, options):
        tools.append(_answer_tool(request.output))
    return tools


def _tool(tool: ToolSpec) -> dict[str, Any]:
    sent: dict[str, Any] = {"name": tool.name, "input_schema": tool.parameters or ANY_OBJECT}
    if tool.description:
        sent["description"] = tool.description
    if tool.strict is not None:
        sent["strict"] = tool.strict
    return sent


def _answer_tool(output: OutputFormat) -> dict[str, Any]:
    description = output.description or "Gives the answer in the form that was asked for."
    return {
        "name": output.name,
        "description": description,
        "input_schema": output.schema or ANY_OBJECT,
    }


def _choice(request: ChatRequest, options: AnthropicOptions) -> Mapping[str, Any] | None:
    if request.output is not None and by_tool(request, options):
        return {"type": "tool", "name": request.output.name, "disable_parallel_tool_use": True}
    choice = request.tool_choice or ToolChoice("auto")
    if choice.mode == "none":
        return {"type": "none"}
    sent: dict[str, Any] = {"type": "any" if choice.mode == "required" else "auto"}
    if choice.mode == "required" and len(choice.names) == 1:
        sent = {"type": "tool", "name": choice.names[0]}
    if request.parallel_tool_calls is False:
        sent["disable_parallel_tool_use"] = True
    return sent if request.tool_choice or len(sent) > 1 else None


def _thinking(request: ChatRequest, options: AnthropicOptions, limit: int) -> Mapping[str, Any]:
    effort = request.reasoning_effort
    if effort is None or "thinking" in request.extra:
        return {}
    if effort == NO_EFFORT:
        return {"thinking": {"type": "disabled"}}
    forced = request.tool_choice is not None and request.tool_choice.mode == "required"
    if forced or by_tool(request, options):
        raise InvalidInput(
            "reasoning_effort: Anthropic's models do not think where they have to call a tool; "
            "leave out one of the two.",
            param="reasoning_effort",
        )
    if request.temperature not in (None, 1, 1.0):
        raise InvalidInput(
            "temperature: Anthropic's models take none while they think; leave it out.",
            param="temperature",
        )
    if options.thinking == "adaptive":
        return {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}
    if effort not in BUDGETS:
        raise InvalidInput(
            f"reasoning_effort: expected one of none, {', '.join(BUDGETS)}, got {effort!r}.",
            param="reasoning_effort",
        )
    budget = BUDGETS[effort]
    # The API counts thoughts as output.
    return {
        "thinking": {"type": "enabled", "budget_tokens": budget},
        "max_tokens": limit + budget,
    }


def _mark(
    system: list[dict[str, Any]], tools: list[dict[str, Any]], options: AnthropicOptions
) -> None:
    """Mark where the fixed beginning ends: tools first, then instructions, as the API reads them."""
    if options.prompt_cache == "off":
        return
    lasting = {"type": "ephemeral", "ttl": options.prompt_cache}
    for blocks in (tools, system):
        if blocks:
            blocks[-1]["cache_control"] = lasting


def _check(request: ChatRequest) -> None:
    for name, value in request.extra.items():
        if name in OURS or (name == "n" and value not in (None, 1)):
            raise InvalidInput(f"{name}: cannot be handed through; leave it out.", param=name)
    if request.logprobs is not None:
        raise InvalidInput("logprobs: Anthropic's API gives none; leave it out.", param="logprobs")
    if request.temperature is not None and not 0 <= request.temperature <= 1:
        raise InvalidInput(
            f"temperature: Anthropic's API takes 0 to 1, got {request.temperature:g}.",
            param="temperature",
        )
    check_tool_choice(request)
    check_no_custom_tools(request, "Anthropic's API")
