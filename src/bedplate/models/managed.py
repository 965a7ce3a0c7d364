"""`managed`: a local model behind an inference server that Bedplate starts, watches and stops.

Wire: OpenAI's, by the `openai` adapter, on a free port of the loopback interface with a new key for
each process.
"""

import asyncio
import importlib.util
import re
import shutil
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from bedplate.config import passed_on
from bedplate.domain.chat import ChatEvent, ChatRequest, Finished
from bedplate.embedders.protocol import Embedder
from bedplate.errors import ConfigError, MissingExtra
from bedplate.models.managed_files import folder_bytes, gguf_bytes, located
from bedplate.models.managed_gguf import vocabulary
from bedplate.models.managed_life import Recipe
from bedplate.models.managed_memory import MEBIBYTE
from bedplate.models.managed_options import Draft, ManagedOptions
from bedplate.models.managed_server import ManagedServer
from bedplate.models.managed_servers import ManagedServers
from bedplate.models.managed_speculation import Speculation, candidates
from bedplate.models.managed_templates import Place, Template, command_line, template
from bedplate.models.openai import open_openai_model
from bedplate.models.protocol import ChatModel

# For what the context and the work on it take beside the weights, where nobody says better.
SHARE_BESIDE = 0.25
BYTES_BESIDE = 512 * MEBIBYTE

USUAL_VOCABULARY = 128_000
"""Tokens, of a file that does not say."""

ENVIRONMENT = (
    *("PATH", "HOME", "USER", "LANG", "LC_*", "TZ", "TMPDIR", "XDG_CACHE_HOME", "VIRTUAL_ENV"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH", "OMP_*", "GGML_*"),
    *("CUDA_*", "NVIDIA_*", "NCCL_*", "HIP_*", "ROCR_*", "HF_HOME", "HF_HUB_CACHE"),
    *("HF_HUB_OFFLINE", "HF_ENDPOINT"),
)
"""What a server sees of Bedplate's environment: nothing that holds keys."""

_HUB = re.compile(r"[\w.-]+/[\w.-]+")


class ManagedModel:
    """See ChatModel. A request waits for the start within its deadline."""

    def __init__(self, served_name: str, server: ManagedServer) -> None:
        self._served_name = served_name
        self._server = server

    @property
    def name(self) -> str:
        return f"managed:{self._served_name}"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        async with (
            self._server.lease(request.deadline) as model,
            aclosing(model.stream(self._server.sent(request))) as events,
        ):
            async for event in events:
                if isinstance(event, Finished):
                    self._server.speculation.answered(request, event.usage)
                yield event


@asynccontextmanager
async def open_managed_model(
    options: Mapping[str, Any], *, name: str, servers: ManagedServers, embedder: Embedder
) -> AsyncGenerator[ChatModel]:
    """See ManagedOptions; `name` is what the model is configured as. Nothing is started yet.

    Raises:
        ConfigError: a model file that is none, a program that is not there, a model that could
            never have room, speculation of a kind that the server has not.
        MissingExtra: the server's Python package is not installed.
    """
    chosen = ManagedOptions.model_validate(dict(options))
    key = f"models.{name}"
    if sys.platform == "win32":
        raise ConfigError(f"{key}: managed models need Linux or macOS.")
    speculation = Speculation(name, chosen, servers.findings)
    place = await asyncio.to_thread(located, f"{key}.model", chosen.model)
    chosen = chosen.model_copy(update={"model": place})
    size = await asyncio.to_thread(_check, key, chosen)
    device = "gpu" if _on_gpu(chosen) else "ram"
    limit = servers.room.limit(device)
    if limit is not None and size > limit:
        raise ConfigError(
            f"{key}: the model takes about {size:,} bytes, and managed models may take {limit:,} in "
            f"all. Raise managed.{'gpu_' if device == 'gpu' else ''}memory_bytes, or set "
            f"{key}.memory_bytes if it takes less."
        )
    served_name = _served_name(chosen)
    for mode in candidates(chosen) or (chosen.speculation,):
        mode_options = chosen.model_copy(update={"speculation": mode})
        command_line(mode_options, served_name, Place(1, "key"))

    def speak(place: Place) -> AbstractAsyncContextManager[ChatModel]:
        wire = _wire(chosen, template(chosen))
        return open_openai_model(
            {
                **wire,
                "model": served_name,
                "base_url": f"{place.url}/v1",
                "api_key": place.api_key,
            },
            embedder=embedder,
        )

    own = {variable: value.get_secret_value() for variable, value in chosen.environment.items()}
    environment = {**passed_on(ENVIRONMENT), **template(chosen).environment, **own}
    recipe = Recipe(served_name, chosen, environment, speak)
    server = ManagedServer(name, device, size, recipe, servers.room, speculation)
    async with servers.keeping(server):
        yield ManagedModel(served_name, server)


def _check(key: str, options: ManagedOptions) -> int:
    """How many bytes the model takes; reads only how its files begin."""
    chosen = template(options)
    if not options.command:
        _check_program(key, options, chosen)
    path = Path(options.model)
    files = _model_bytes(f"{key}.model", path, options, chosen)
    if isinstance(options.speculation, Draft):
        draft = options.speculation.draft
        read = gguf_bytes if chosen.gguf else folder_bytes
        files += read(f"{key}.speculation.draft", draft)
    if options.memory_bytes is not None:
        return options.memory_bytes
    return int(files * (1 + SHARE_BESIDE)) + BYTES_BESIDE + _logits_bytes(path, options, chosen)


def _logits_bytes(path: Path, options: ManagedOptions, chosen: Template) -> int:
    """Of all the context's tokens, where they are kept; float32."""
    if not chosen.keeps_logits or options.speculation == "off":
        return 0
    return (vocabulary(path) or USUAL_VOCABULARY) * options.context_size * 4


def _model_bytes(key: str, path: Path, options: ManagedOptions, chosen: Template) -> int:
    if chosen.gguf or path.suffix == ".gguf":
        return gguf_bytes(key, path)
    if path.is_dir():
        return folder_bytes(key, path)
    if options.command:
        return 0
    if not _HUB.fullmatch(options.model):
        raise ConfigError(f"{key}: there is no folder {options.model!r}.")
    if options.memory_bytes is None:
        raise ConfigError(
            f"{key}: {options.model!r} is no folder here, so its size is not known. If it is a name "
            "on a hub, set memory_bytes to what it takes."
        )
    return 0


def _check_program(key: str, options: ManagedOptions, chosen: Template) -> None:
    program = options.program or chosen.program
    if shutil.which(program) is None:
        raise ConfigError(
            f"{key}: there is no program {program!r}. Install the server, or set {key}.program to "
            "where it is."
        )
    if options.program is None and chosen.module and not importlib.util.find_spec(chosen.module):
        if chosen.module == "llama_cpp":
            raise MissingExtra("local", f"The server 'llama-cpp-python' of {key}")
        raise ConfigError(
            f"{key}: {chosen.module!r} is not installed beside Bedplate. Set {key}.program to the "
            "Python that has it."
        )


def _served_name(options: ManagedOptions) -> str:
    path = Path(options.model)
    return (path.stem if path.suffix == ".gguf" else path.name) or options.model


def _on_gpu(options: ManagedOptions) -> bool:
    return template(options).gpu if options.gpu is None else options.gpu


def _wire(options: ManagedOptions, chosen: Template) -> dict[str, Any]:
    """What the template says, and over it what the options do; bodies are merged."""
    merged = {**chosen.wire, **options.openai}
    if chosen.silent_overflow:
        merged.setdefault("silent_overflow_tokens", options.context_size)
    bodies = (chosen.wire.get("extra_body", {}), options.openai.get("extra_body", {}))
    if any(bodies):
        merged["extra_body"] = {**bodies[0], **bodies[1]}
    return merged
