"""Whether a model's server is there, and knows the model: one GET of its list of models."""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
from pydantic import ValidationError

from bedplate.doctor.findings import Finding
from bedplate.models.anthropic_options import AnthropicOptions
from bedplate.models.openai_options import OpenAIOptions
from bedplate.spelling import did_you_mean

WireOptions = OpenAIOptions | AnthropicOptions

PROBED: Mapping[str, type[OpenAIOptions] | type[AnthropicOptions]] = {
    "openai": OpenAIOptions,
    "anthropic": AnthropicOptions,
}
"""The adapters whose servers list their models, by name."""

PROBE_SECONDS = 3.0
MAX_LIST_BYTES = 4 * 1024 * 1024


async def probe_model(name: str, adapter: str, options: Mapping[str, Any]) -> Finding:
    """GET {base_url}/models, with the model's own key; `adapter` is one of PROBED.

    Wire: OpenAI API reference, "List models"; Claude API reference, "List Models".
    """
    check = f"model {name}"
    try:
        chosen = PROBED[adapter].model_validate(dict(options))
    except ValidationError as error:
        wrong = "; ".join(
            ": ".join((*map(str, e["loc"]), e["msg"].removeprefix("Value error, ")))
            for e in error.errors()
        )
        return Finding(check, "fail", f"Its options are wrong: {wrong}", f"Correct models.{name}.")
    timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(
                chosen.url("models"), headers=chosen.sent_headers, allow_redirects=False
            ) as response,
        ):
            body = await response.content.read(MAX_LIST_BYTES)
            return _judge(check, name, chosen, response.status, body)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        what = _reason(error)
        return Finding(
            check,
            "fail",
            f"{chosen.shown_url} cannot be reached: {what}",
            f"Start that server, or correct models.{name}.base_url.",
        )


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"there is no host {error.host!r}"
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return "nothing listens there (connection refused)"
        case _:
            return str(error) or f"no answer within {PROBE_SECONDS:g} s"


def _judge(check: str, name: str, options: WireOptions, status: int, body: bytes) -> Finding:
    where = options.shown_url
    if status in (401, 403):
        remedy = f'Set models.{name}.api_key = {{ env = "NAME" }} to a key that server accepts.'
        return Finding(check, "fail", f"{where} refuses the key ({status}).", remedy)
    listed = _names(body) if status == 200 else None
    if listed is None:
        remedy = f"Try a question with --model {name}; if it fails, check models.{name}.base_url."
        return Finding(check, "warn", f"{where} answers, but lists no models ({status}).", remedy)
    if options.model not in listed:
        known = ", ".join(sorted(listed)[:8]) or "none"
        return Finding(
            check,
            "warn",
            f"{where} answers, but does not list {options.model!r}; it lists {known}."
            + did_you_mean(options.model, sorted(listed)),
            f"Correct models.{name}.model, or load that model there.",
        )
    return Finding(check, "ok", f"{where} answers and lists {options.model!r}.")


def _names(body: bytes) -> set[str] | None:
    try:
        value: Any = json.loads(body)
        names = {str(entry["id"]) for entry in value["data"]}
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    # Ollama lists "llama3.2:latest" and answers to "llama3.2".
    return names | {name.removesuffix(":latest") for name in names}
