"""How each inference server is started: its command line, by what it is asked whether it is ready.

Prefix caching is on in each. Sources: the README of llama.cpp's server, the settings of
llama_cpp.server, vLLM's engine arguments, SGLang's server arguments.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bedplate.errors import ConfigError
from bedplate.models.managed_options import Draft, ManagedOptions, ServerName

HOST = "127.0.0.1"
OWN_KEY = "BEDPLATE_SERVER_KEY"
"""The variable in which an own command finds its key."""

SLOW_FIRST_TOKEN = 300.0
"""Seconds: a CPU reads some tens of tokens a second, and sources come to thousands."""

GUESSES = 5
"""Tokens guessed ahead, where the server must be told; few, for a wrong guess costs its check."""

LOOKUP = 4
"""The longest end of the text so far that is looked up in it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one process listens, and the key that it wants."""

    port: int
    api_key: str

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


@dataclass(frozen=True, slots=True)
class Template:
    """`key_variable` is the one that the server reads its key from; without one it is in `command`.

    `wire` are options of the `openai` adapter that fit the server, `environment` variables that the
    model's own win over. `plain` are fields of a request for which nothing is guessed ahead, where
    some versions of the server have such; `silent_overflow`: it ends the stream of a request that is
    too long without a word; `one_at_a_time`: requests wait for each other anyway;
    `keeps_logits`: to guess by lookup it holds every token's of the context.
    """

    command: Callable[[ManagedOptions, str, Place], list[str]]
    key_variable: str | None
    health: str = "/health"
    gguf: bool = True
    gpu: bool = False
    module: str | None = None
    program: str = sys.executable
    wire: Mapping[str, Any] = field(default_factory=dict[str, Any])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    plain: Mapping[str, Any] = field(default_factory=dict[str, Any])
    silent_overflow: bool = False
    one_at_a_time: bool = False
    keeps_logits: bool = False


def template(options: ManagedOptions) -> Template:
    if options.command:
        return OWN
    return TEMPLATES[options.server or "llama-server"]


def command_line(options: ManagedOptions, name: str, place: Place) -> list[str]:
    """`name` is what requests call the model; `speculation = "auto"` is as `off` here.

    Raises:
        ConfigError: speculation of a kind that the server has not.
    """
    return [*template(options).command(options, name, place), *options.args]


def _llama_server(options: ManagedOptions, name: str, place: Place) -> list[str]:
    command = [
        options.program or TEMPLATES["llama-server"].program,
        *("--model", options.model, "--alias", name),
        *("--host", HOST, "--port", str(place.port)),
        *("--ctx-size", str(options.context_size)),
        *("--n-gpu-layers", "999" if options.gpu else "0"),
        # Beside the common start of prompts (cache_prompt), pieces further on are used again.
        *("--cache-reuse", "256"),
        # The templates of models call tools only through it.
        "--jinja",
    ]
    match options.speculation:
        case "off" | "auto":
            return command
        case "ngram":
            # Its own lookup is of 12 tokens, which hardly ever come again.
            lookup = ("--spec-ngram-simple-size-n", str(LOOKUP))
            guesses = ("--spec-ngram-simple-size-m", str(GUESSES))
            return [*command, "--spec-type", "ngram-simple", *lookup, *guesses]
        case Draft(draft=path):
            guesses = ("--spec-draft-n-max", str(GUESSES))
            return [*command, "--spec-type", "draft-simple", "--model-draft", str(path), *guesses]


def _llama_cpp_python(options: ManagedOptions, name: str, place: Place) -> list[str]:
    command = [
        options.program or sys.executable,
        *("-m", "llama_cpp.server", "--model", options.model, "--model_alias", name),
        *("--host", HOST, "--port", str(place.port), "--n_ctx", str(options.context_size)),
        *("--n_gpu_layers", "-1" if options.gpu else "0"),
        # By default a new request cuts off the answer that is being made.
        *("--interrupt_requests", "false"),
        # As llama-server has it where it can. Without it a batch of tokens is computed otherwise than
        # the same ones alone, and what is guessed ahead would change the answer.
        *("--flash_attn", "true"),
    ]
    match options.speculation:
        case "off" | "auto":
            # It keeps the start that a prompt shares with the one before it by itself; its --cache
            # would copy the whole state for each prompt. All tokens' logits cost a third of prefill.
            return [*command, "--logits_all", "false"]
        case "ngram":
            # Without room for the logits of all it fails at prompts longer than its batch of 512.
            lookup = ("--logits_all", "true", "--draft_model", "prompt-lookup-decoding")
            return [*command, *lookup, "--draft_model_num_pred_tokens", str(GUESSES)]
        case Draft():
            raise ConfigError(
                "llama-cpp-python has no draft models: set speculation to 'ngram' or 'off', or use "
                "llama-server."
            )


def _vllm(options: ManagedOptions, name: str, place: Place) -> list[str]:
    command = [
        *(options.program or "vllm", "serve", options.model, "--served-model-name", name),
        *("--host", HOST, "--port", str(place.port)),
        *("--max-model-len", str(options.context_size), "--enable-prefix-caching"),
    ]
    match options.speculation:
        case "off" | "auto":
            return command
        case "ngram":
            settings: dict[str, Any] = {"method": "ngram", "prompt_lookup_max": LOOKUP}
        case Draft(draft=path):
            settings = {"method": "draft_model", "model": str(path)}
    settings["num_speculative_tokens"] = GUESSES
    return [*command, "--speculative-config", json.dumps(settings)]


def _sglang(options: ManagedOptions, name: str, place: Place) -> list[str]:
    command = [
        *(options.program or sys.executable, "-m", "sglang.launch_server"),
        *("--model-path", options.model, "--served-model-name", name),
        *("--host", HOST, "--port", str(place.port), "--api-key", place.api_key),
        # Its cache of prefixes is on unless --disable-radix-cache is given.
        *("--context-length", str(options.context_size)),
    ]
    match options.speculation:
        case "off" | "auto":
            return command
        case "ngram":
            tokens = ("--speculative-num-draft-tokens", str(GUESSES))
            return [*command, "--speculative-algorithm", "NGRAM", *tokens]
        case Draft(draft=path):
            return [
                *command,
                *("--speculative-algorithm", "STANDALONE"),
                *("--speculative-draft-model-path", str(path)),
                *("--speculative-num-steps", str(GUESSES - 1), "--speculative-eagle-topk", "1"),
                *("--speculative-num-draft-tokens", str(GUESSES)),
            ]


def _own(options: ManagedOptions, name: str, place: Place) -> list[str]:
    """Other braces stay as they are: JSON is a common argument."""
    values = {
        "{port}": str(place.port),
        "{host}": HOST,
        "{model}": options.model,
        "{api_key}": place.api_key,
    }
    parts: list[str] = []
    for part in options.command:
        filled = part
        for written, value in values.items():
            filled = filled.replace(written, value)
        parts.append(filled)
    return parts


OWN = Template(_own, OWN_KEY, health="/v1/models", gguf=False)
TEMPLATES: Mapping[ServerName, Template] = {
    "llama-server": Template(
        _llama_server,
        "LLAMA_API_KEY",
        program="llama-server",
        wire={
            "preset": "llama-cpp",
            "extra_body": {"cache_prompt": True},
            "first_token_seconds": SLOW_FIRST_TOKEN,
        },
        # By default it keeps prompts of the past in 8 GiB that no estimate knows of. Builds before
        # October 2025 have no such store, nor the variable.
        environment={"LLAMA_ARG_CACHE_RAM": "0"},
        plain={"speculative.n_max": 0},
    ),
    "llama-cpp-python": Template(
        _llama_cpp_python,
        "API_KEY",
        health="/v1/models",
        module="llama_cpp",
        wire={"preset": "llama-cpp-python", "first_token_seconds": SLOW_FIRST_TOKEN},
        silent_overflow=True,
        one_at_a_time=True,
        keeps_logits=True,
    ),
    "vllm": Template(_vllm, "VLLM_API_KEY", gguf=False, gpu=True, program="vllm"),
    "sglang": Template(_sglang, None, gguf=False, gpu=True, module="sglang"),
}
