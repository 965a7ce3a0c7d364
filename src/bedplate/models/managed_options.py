"""The options of `managed`: which server runs which model, and for how long."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from bedplate.models.openai_options import OpenAIOptions

ServerName = Literal["llama-server", "llama-cpp-python", "vllm", "sglang"]
PLACES = ("{port}", "{model}")
"""What an own command must say somewhere."""

GIVEN = frozenset({"model", "base_url", "api_key", "preset"})
"""Options of the wire that Bedplate sets itself."""


class Draft(BaseModel):
    """A smaller model of the same family, which proposes tokens to the large one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    draft: Path
    auto: bool = False
    """Whether it is used only where it pays, as `speculation = "auto"` finds out."""


class ManagedOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    model: str = Field(min_length=1)
    """A GGUF file, or `package:NAME` for the one in a Python package; for vLLM and SGLang a folder, or a name on a hub, which needs memory_bytes."""
    server: ServerName | None = None
    """By default llama-server, unless there is a command."""
    program: str | None = Field(default=None, min_length=1)
    """The server's executable, or the Python that it is installed in."""
    command: tuple[str, ...] = ()
    """A server of one's own, with {port} and {model} and, where it likes, {host} and {api_key}."""
    args: tuple[str, ...] = ()
    """Further arguments; they come last."""
    environment: Mapping[str, SecretStr] = Field(default_factory=dict[str, SecretStr])
    """Further variables of the server's environment; values are treated as secrets."""
    health: str = Field(default="", pattern=r"^(/\S*)?$")
    """The path that answers 200 once the server is ready; by default the template's, /v1/models of
    a command."""
    context_size: int = Field(default=8192, gt=0)
    """In tokens; a command sees none of it."""
    gpu: bool | None = None
    """Whether it computes on GPUs; by default vLLM and SGLang do."""
    memory_bytes: int | None = Field(default=None, gt=0)
    """What the model takes in all; by default estimated from its files."""
    speculation: Literal["off", "ngram", "auto"] | Draft = "off"
    """Whether tokens are guessed ahead, from the text so far or by a smaller model; `auto`: where a
    trial with the last prompts shows that it pays."""
    speculation_prompts: int = Field(default=8, ge=2, le=64)
    """How many prompts a trial takes."""
    speculation_quiet_seconds: float = Field(default=30.0, gt=0)
    """How long nobody must have asked before a trial begins."""
    speculation_requests: int = Field(default=2, ge=1)
    """With more at once nothing is guessed ahead: the machine is busy without it."""
    start_seconds: float = Field(default=300.0, gt=0)
    """From the start of its process until the server is ready."""
    room_seconds: float = Field(default=60.0, gt=0)
    """How long a start waits for other managed models to leave their memory."""
    idle_seconds: float = Field(default=900.0, gt=0)
    """After so long without a request its process is stopped."""
    restarts: int = Field(default=3, ge=0, le=100)
    """After crashes within `crash_window_seconds`; then requests fail until that time has passed."""
    restart_seconds: float = Field(default=0.5, gt=0)
    """The pause before the first restart; it doubles with each further one."""
    crash_window_seconds: float = Field(default=600.0, gt=0)
    log_lines: int = Field(default=500, gt=0, le=100_000)
    """How many of the server's last lines are kept."""
    openai: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    """Options of the `openai` adapter, by which the server is spoken to."""

    @model_validator(mode="after")
    def _one_server(self) -> Self:
        if self.command and self.server:
            raise ValueError("set server or command, not both")
        if self.command and (self.program or self.gpu is None or self.memory_bytes is None):
            raise ValueError(
                "a command needs memory_bytes and gpu, which Bedplate cannot know, and takes no "
                "program"
            )
        for place in PLACES:
            if self.command and not any(place in part for part in self.command):
                raise ValueError(f"the command does not say {place}")
        if self.command and self.speculation != "off":
            raise ValueError("speculation is part of the command where that is one's own")
        return self

    @model_validator(mode="after")
    def _wire(self) -> Self:
        if taken := sorted(GIVEN & self.openai.keys()):
            raise ValueError(f"openai.{taken[0]} is set by Bedplate itself")
        try:
            OpenAIOptions.model_validate({**self.openai, "model": "m", "base_url": "http://h/v1"})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(["openai", *map(str, first["loc"])])
            said = first["msg"].removeprefix("Value error, ")
            raise ValueError(f"{where}: {said}") from error
        return self
