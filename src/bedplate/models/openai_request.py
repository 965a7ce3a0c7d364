"""The body of a request to an OpenAI-wire server (OpenAI API reference, "Create chat completion")."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from bedplate.domain.chat import ChatRequest, ImagePart
from bedplate.domain.tools import CustomInput, OutputFormat, ToolChoice, ToolSpec
from bedplate.errors import InvalidInput
from bedplate.models.openai_fields import check_fields
from bedplate.models.openai_messages import encode_messages
from bedplate.models.openai_options import OpenAIOptions
from bedplate.models.openai_texts import only_text


def encode_request(request: ChatRequest, options: OpenAIOptions) -> bytes:
    """The JSON body; InvalidInput for a field that cannot be honoured or encoded."""
    try:
        return msgspec.json.encode(build_body(request, options))
    except (TypeError, UnicodeEncodeError) as error:
        raise InvalidInput(f"The request cannot be written as JSON: {error}.") from error


def build_body(request: ChatRequest, options: OpenAIOptions) -> dict[str, Any]:
    """The same before it is JSON."""
    check_fields(request.extra)
    _check_supported(request, options)
    body: dict[str, Any] = {**options.extra_body}
    if options.knows_serving_hints:
        body |= request.hints
    body |= request.extra
    if options.text_completions:
        body |= {"model": options.model, "prompt": only_text(request, options)}
    else:
        body |= {"model": options.model, "messages": encode_messages(request.messages, options)}
    if not asks_whole(request, options):
        body["stream"] = True
        if options.stream_usage:
            body["stream_options"] = {"include_usage": True}
    chosen = {
        options.limit_field: request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        options.seed_field: request.seed,
        "response_format": request.output and _format(request.output, options),
        "reasoning_effort": request.reasoning_effort,
        **_logprobs(request, options),
        **_tools(request, options),
    }
    body |= {name: value for name, value in chosen.items() if value is not None}
    if options.max_output_tokens is not None:
        body.setdefault(options.limit_field, options.max_output_tokens)
    return body


def _logprobs(request: ChatRequest, options: OpenAIOptions) -> Mapping[str, object]:
    if options.text_completions:
        return {"logprobs": request.logprobs}
    return {
        "logprobs": None if request.logprobs is None else True,
        "top_logprobs": request.logprobs or None,
    }


def asks_whole(request: ChatRequest, options: OpenAIOptions) -> bool:
    """Whether the answer is asked for as JSON, and not as a stream."""
    if options.silent_overflow_tokens is not None:
        # How such a server ends is known of its streams.
        return False
    return request.unstreamed is not None and options.whole_answers


def _format(output: OutputFormat, options: OpenAIOptions) -> Mapping[str, object]:
    if output.schema is None:
        return {"type": "json_object"}
    if options.schema_format == "json_object":
        return {"type": "json_object", "schema": output.schema}
    described: dict[str, object] = {"name": output.name, "schema": output.schema}
    if output.description:
        described["description"] = output.description
    if output.strict is not None:
        described["strict"] = output.strict
    return {"type": "json_schema", "json_schema": described}


def _tools(request: ChatRequest, options: OpenAIOptions) -> Mapping[str, object]:
    choice, tools = request.tool_choice, request.tools
    if not tools:
        return {}
    if choice is not None and choice.names and not _sends_names(choice, options):
        tools = tuple(tool for tool in tools if tool.name in choice.names)
        choice = ToolChoice(choice.mode)
    if "tool_choice" in options.unsupported:
        if choice is not None and choice.mode == "none":
            return {}
        choice = None
    parallel = request.parallel_tool_calls
    if "parallel_tool_calls" in options.unsupported:
        parallel = None
    return {
        "tools": [_tool(tool, options) for tool in tools],
        "tool_choice": choice and _choice(choice, tools),
        "parallel_tool_calls": parallel,
    }


def _sends_names(choice: ToolChoice, options: OpenAIOptions) -> bool:
    one = len(choice.names) == 1 and choice.mode == "required"
    return options.knows_allowed_tools or (one and "tool_choice" not in options.unsupported)


def _tool(tool: ToolSpec, options: OpenAIOptions) -> Mapping[str, object]:
    if tool.custom is not None:
        return {"type": "custom", "custom": _custom(tool, tool.custom)}
    function: dict[str, object] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        function["parameters"] = tool.parameters
    if tool.strict is not None and options.strict_tools:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _custom(tool: ToolSpec, input: CustomInput) -> Mapping[str, object]:
    custom: dict[str, object] = {"name": tool.name}
    if tool.description:
        custom["description"] = tool.description
    if input.syntax is not None:
        grammar = {"syntax": input.syntax, "definition": input.definition}
        custom["format"] = {"type": "grammar", "grammar": grammar}
    return custom


def _choice(choice: ToolChoice, tools: Sequence[ToolSpec]) -> object:
    if not choice.names:
        return choice.mode
    custom = {tool.name for tool in tools if tool.custom is not None}
    kinds = [(("custom" if name in custom else "function"), name) for name in choice.names]
    named = [{"type": kind, kind: {"name": name}} for kind, name in kinds]
    if len(named) == 1 and choice.mode == "required":
        return named[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": named}}


def _check_supported(request: ChatRequest, options: OpenAIOptions) -> None:
    check_tool_choice(request)
    if request.extra.get("suffix") and not options.text_completions:
        raise InvalidInput(
            f"suffix: the model {options.model!r} answers messages; only one with text_completions "
            "fills in before a suffix.",
            param="suffix",
        )
    if not options.knows_custom_tools:
        check_no_custom_tools(request, f"the server of the model {options.model!r}")
    for need, field in _needs(request):
        if need in options.unsupported:
            raise InvalidInput(
                f"{field}: the server of the model {options.model!r} does not know {need}; "
                "leave it out, or choose another model.",
                param=field,
            )


def check_tool_choice(request: ChatRequest) -> None:
    """InvalidInput where it asks for tools that the request does not have."""
    choice = request.tool_choice
    if choice is None or choice.mode == "none":
        return
    known = {tool.name for tool in request.tools}
    for name in choice.names:
        if name not in known:
            raise InvalidInput(
                f"tool_choice: names the tool {name!r}, which is not among the tools.",
                param="tool_choice",
            )
    if choice.mode == "required" and not known:
        raise InvalidInput(
            "tool_choice: asks for a tool call, but there are no tools.", param="tool_choice"
        )


def check_no_custom_tools(request: ChatRequest, who: str) -> None:
    """InvalidInput where the request has a custom tool, or a call of one; `who` does not know them."""
    for at, tool in enumerate(request.tools):
        if tool.custom is not None:
            raise InvalidInput(
                f"tools: {who} does not know tools of type 'custom', and {tool.name!r} is one: "
                "declare a function with one text as its parameter, or choose another model.",
                param=f"tools.{at}.type",
            )
    if any(call.custom for message in request.messages for call in message.tool_calls):
        raise InvalidInput(
            f"messages: {who} does not know calls of tools of type 'custom', and the conversation "
            "holds one: choose another model.",
            param="messages",
        )


def _needs(request: ChatRequest) -> Iterator[tuple[str, str]]:
    """What the server must know for this request, each with the field that asks for it."""
    if request.tools:
        yield "tools", "tools"
    if request.tool_choice is not None and request.tool_choice.mode == "required":
        yield "tool_choice", "tool_choice"
    if request.parallel_tool_calls is False and request.tools:
        yield "parallel_tool_calls", "parallel_tool_calls"
    if request.output is not None:
        yield ("json_object" if request.output.schema is None else "json_schema"), "response_format"
    if request.logprobs is not None:
        yield "logprobs", "logprobs"
    if request.logprobs:
        yield "top_logprobs", "top_logprobs"
    if request.reasoning_effort is not None:
        yield "reasoning_effort", "reasoning_effort"
    if request.seed is not None:
        yield "seed", "seed"
    if any(isinstance(part, ImagePart) for m in request.messages for part in m.parts):
        yield "image_url", "messages"
