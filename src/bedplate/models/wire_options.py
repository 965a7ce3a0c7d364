"""The options that adapters of other people's servers share."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bedplate.upstream.options import ApiKey, Headers

MEBIBYTE = 1024 * 1024


class CallOptions(BaseModel):
    """Of any model elsewhere."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    model: str = Field(min_length=1)
    api_key: ApiKey | None = None
    first_token_seconds: float = Field(default=60.0, gt=0)
    """From the call to the first token, waiting for a free connection included."""
    idle_seconds: float = Field(default=30.0, gt=0)
    """Between two chunks; keep-alive comments and pings do not count."""
    total_seconds: float = Field(default=600.0, gt=0)
    max_connections: int = Field(default=100, gt=0)
    """Calls at once; further ones wait their turn."""


class WireOptions(CallOptions):
    """Of a server that is sent a POST here and answers with server-sent events."""

    headers: Headers = Field(default_factory=dict[str, SecretStr])
    """Sent with every request; values are treated as secrets."""
    connect_seconds: float = Field(default=5.0, gt=0)
    keep_alive: bool = True
    """Whether a connection serves the next call too. Off for servers that close it behind an answer
    without saying so: the call that meets the end of it is lost."""
    max_answer_bytes: int = Field(default=256 * MEBIBYTE, gt=0)
    """Of one answer as it is sent, with all its envelopes."""
